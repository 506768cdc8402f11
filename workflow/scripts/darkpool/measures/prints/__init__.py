"""The off-exchange prints of a symbol and day, beside their sums: the largest, and where they traded."""

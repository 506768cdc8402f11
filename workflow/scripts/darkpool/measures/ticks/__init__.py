"""The ticks of one symbol and day, from the archive's files to the trades that may be signed."""

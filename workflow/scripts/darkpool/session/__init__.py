"""A session: what its folder holds, and how its tables are made."""

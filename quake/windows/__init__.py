"""Windows: where they lie, how a record is filtered and cut, and what becomes of missing data."""

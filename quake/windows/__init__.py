"""Windows: where they lie, how recordings are filtered and cut, what becomes of missing data."""

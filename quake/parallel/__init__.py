"""Executors: jobs in, answers out; in this process, in several, or on a Dask cluster."""

"""Data as they arrive: archives that grow and SeedLink servers in, windows scored once out."""

"""Follow data as they arrive: archives that grow, and SeedLink servers."""

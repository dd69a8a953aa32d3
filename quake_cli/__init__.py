"""The `quake` program: options in, one library call, results out."""

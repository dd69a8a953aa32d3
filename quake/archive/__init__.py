"""Runs over archives: what the user names and a folder for results in, a finished store out."""

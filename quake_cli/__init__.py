"""Turn command lines into library calls, and their results into text."""

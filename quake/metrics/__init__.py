"""Metrics: probabilities and truths go in, figures with intervals and curves come out."""

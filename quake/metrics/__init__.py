"""Measure predictions against truths: figures with intervals, and curves."""

"""Readers of waveform files: miniSEED and SAC, compressed or not."""

"""Waveforms: codes, times, segments and the channel sets that they make, and their sources."""

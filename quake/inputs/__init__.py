"""Inputs: what a user names, as files of waveforms."""

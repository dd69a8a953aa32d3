"""Draw waveforms, and what a model says of them, as PNG."""

"""Pictures: waveforms and what a model says of them go in, PNG comes out."""

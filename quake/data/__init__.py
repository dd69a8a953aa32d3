"""From waveforms on disk to windows: reading, joining, cutting, transforming, labelling."""

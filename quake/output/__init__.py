"""What is written: records and events in, files of all formats out."""

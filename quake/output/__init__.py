"""Write window records and events, in all formats."""

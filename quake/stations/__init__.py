"""Stations: what a StationXML file tells of their place and their sensors."""

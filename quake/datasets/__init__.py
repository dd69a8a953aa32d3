"""Labelled data: tables, folders, catalogues and data sets become rows, examples and windows."""

"""Notebooks: read a file, restore the course's cells, run cells, explain tasks without points."""

"""Notebooks: read a file, restore the course's cells, run cells, say why a task earned nothing."""

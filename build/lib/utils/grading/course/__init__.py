"""A course: folders and settings, what arrives, the gradebook, scores, lateness."""

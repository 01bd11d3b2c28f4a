"""A course: folders and settings, collected submissions, the gradebook, scores, lateness."""

"""The package that the course's notebooks import; `python3 -m utils` is its front door."""

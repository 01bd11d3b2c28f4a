"""Grading by hand: a problem set's written answers beside their rubric, on one page in a browser.

`answers` reads the answers and writes points and comments to the gradebook, `server` serves the
page.
"""

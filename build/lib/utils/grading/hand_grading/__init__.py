"""Grading by hand: a problem set's written answers beside their rubric, on one page in a browser.

`answers` reads them and writes points and comments into the gradebook, `server` shows them.
"""

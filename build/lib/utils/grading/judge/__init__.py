"""One submission: fork server, judge, student process, and the grading of one notebook."""

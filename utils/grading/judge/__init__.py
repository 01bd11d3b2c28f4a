"""Judging a submission: what starts its judge and student process, what both do, and the result."""

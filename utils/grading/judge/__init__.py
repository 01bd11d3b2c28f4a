"""Judge a submission: start the judge and the student process, run their cells, read the result."""

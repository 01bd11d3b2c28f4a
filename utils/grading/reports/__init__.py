"""Reports for people: CSV files and pages, students' feedback pages, similar submissions."""

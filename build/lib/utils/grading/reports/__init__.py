"""What people read: reports as CSV and pages, feedback pages, similar submissions."""

"""What leaves the program: tables, reports for people, figures, and folders beside an image."""

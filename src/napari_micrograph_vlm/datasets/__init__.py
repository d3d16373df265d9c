"""Data to teach and to measure with: synthetic micrographs and question-answer pairs."""

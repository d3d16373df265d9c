"""Labels and question-answer pairs for your images, written by a large model and checked."""

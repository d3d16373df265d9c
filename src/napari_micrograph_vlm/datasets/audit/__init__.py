"""How often a teacher is wrong: by eye on a sample, and by itself where masks are known."""

"""From what the model looked at to objects and their sizes; a size that an answer states."""

"""Plates under tension in two dimensions: stress, energy and cracks, from a picture's geometry."""

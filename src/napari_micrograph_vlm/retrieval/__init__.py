"""Figures of papers that are like a region: an index, a search, and answers that cite them."""

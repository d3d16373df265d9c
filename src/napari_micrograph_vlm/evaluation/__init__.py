"""Measure a model: ``napari-micrograph-vlm evaluate --help``."""

"""Measure the student: ``python -m napari_micrograph_vlm.evaluation --help``."""

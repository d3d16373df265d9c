"""Train the student: ``python -m napari_micrograph_vlm.training --help``."""

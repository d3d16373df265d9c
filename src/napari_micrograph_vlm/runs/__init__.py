"""Many regions, slices and files: what is asked of each, a journal on disk, and going on."""

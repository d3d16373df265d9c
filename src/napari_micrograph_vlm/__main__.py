"""``python -m napari_micrograph_vlm``."""

from .cli import main

if __name__ == "__main__":
    main()

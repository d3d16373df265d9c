"""The information bar that microscopes burn into a picture: where it is and what it says."""

from .find import InformationBar, find_bar, picture_rows
from .reading import BarReading, read_bar
from .text import Word

__all__ = ["BarReading", "InformationBar", "Word", "find_bar", "picture_rows", "read_bar"]

"""Readers: from a file to pixels with their size, and what the instrument wrote about itself."""

from .folder import read_folder
from .metadata import Instrument
from .micrograph import MicrographFile, read_micrograph, read_pictures

__all__ = ["Instrument", "MicrographFile", "read_folder", "read_micrograph", "read_pictures"]

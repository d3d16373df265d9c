"""Readers: from a file to pixels with their size, and what the instrument wrote about itself."""

from .metadata import Instrument
from .micrograph import MicrographFile, read_micrograph

__all__ = ["Instrument", "MicrographFile", "read_micrograph"]

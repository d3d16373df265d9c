"""Frames of a stack or time series: chosen, put on one sheet, and what was seen cut apart again."""

from .choosing import MOST_FRAMES, choose_frames, frames_of_text, frames_wanted, name_of_frame
from .cutouts import along_axis, are_frames, of_stack, read_frames
from .montage import Montage, montage_of

__all__ = [
    "MOST_FRAMES",
    "Montage",
    "along_axis",
    "are_frames",
    "choose_frames",
    "frames_of_text",
    "frames_wanted",
    "montage_of",
    "name_of_frame",
    "of_stack",
    "read_frames",
]

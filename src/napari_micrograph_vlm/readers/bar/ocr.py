"""Words of a picture, read in a process of its own: opencv-python's Qt quarrels with napari's."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from importlib.util import find_spec
from threading import Lock, Thread, Timer
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SourceError
from .strips import grey
from .text import Word

__all__ = ["installed", "read_words"]

LONGEST_SIDE = 2048
MOST_PIXELS = 1_600_000
MOST_ENLARGED = 4.0
_IDLE_SECONDS = 60.0
_TIMEOUT = 120.0


def installed() -> bool:
    """Return whether the package that reads text is there."""
    return find_spec("rapidocr_onnxruntime") is not None


def read_words(image: Any) -> list[Word]:
    """Read the words in a picture.

    Parameters
    ----------
    image : (H, W) or (H, W, 3) array-like
        A piece of a micrograph, of any number type.

    Returns
    -------
    list of Word
        Boxes are in pixels of ``image``.

    Raises
    ------
    SourceError
        If the extra ``ocr`` is not installed, or its process ends or takes longer than two minutes.
    """
    if not installed():
        raise SourceError(
            "Reading the text of an information bar needs another package; "
            "install napari-micrograph-vlm[ocr]."
        )
    pixels, factor = _prepared(grey(image))
    found = _reader.read(pixels)
    return [
        Word(str(text), (y0 / factor, x0 / factor, y1 / factor, x1 / factor), float(score))
        for text, (y0, x0, y1, x1), score in found
    ]


def _prepared(values: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float]:
    """Return the picture in 8 bit and of a size at which small letters can be read."""
    from PIL import Image

    low, high = float(values.min()), float(values.max())
    unit = (values - low) * (255 / (high - low) if high > low else 0)
    height, width = values.shape
    factor = min(
        LONGEST_SIDE / max(height, width), (MOST_PIXELS / (height * width)) ** 0.5, MOST_ENLARGED
    )
    size = max(round(width * factor), 1), max(round(height * factor), 1)
    resized = Image.fromarray(unit.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(resized), factor


class _Reader:
    """The process, kept for a while since it takes seconds to start."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()
        self._idle: Timer | None = None

    def read(self, pixels: NDArray[np.uint8]) -> list[Any]:
        with self._lock:
            if self._idle is not None:
                self._idle.cancel()
            process = self._process
            if process is None or process.poll() is not None:
                process = self._process = subprocess.Popen(
                    [sys.executable, "-m", "napari_micrograph_vlm.readers.bar.ocr_process"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                )
            answers: list[bytes] = []
            asking = Thread(target=_ask, args=(process, pixels, answers), daemon=True)
            asking.start()
            asking.join(_TIMEOUT)
            if not answers or not answers[0]:
                self._end()
                raise SourceError(
                    "The text of the picture could not be read; "
                    "reinstall napari-micrograph-vlm[ocr], or type the pixel size in."
                )
            self._idle = Timer(_IDLE_SECONDS, self.close)
            self._idle.daemon = True
            self._idle.start()
        found: list[Any] = json.loads(answers[0])
        return found

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def kill(self) -> None:
        """End the process though an answer is waited for: Python does not end before."""
        process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not sent yet cannot be
                    continue


def _ask(process: subprocess.Popen[bytes], pixels: NDArray[np.uint8], answers: list[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(pixels.shape).encode() + b"\n" + pixels.tobytes())
        process.stdin.flush()
        answers.append(process.stdout.readline())
    except (OSError, ValueError):
        answers.append(b"")


_reader = _Reader()
atexit.register(_reader.kill)

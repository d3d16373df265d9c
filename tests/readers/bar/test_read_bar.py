"""Scale bars are measured, and belong to the length that is written at them."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from made_bars import STYLES, make_bar, specimen
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers.bar import Word, find_bar, ocr, read_bar
from napari_micrograph_vlm.readers.bar.lines import marks_in
from napari_micrograph_vlm.readers.samples import nanoporous_gold_file


def words_of(made, first_row):
    """Read text as a perfect reader would."""
    return lambda _: [Word(text, box).moved(-first_row, 0) for text, box in made.words]


@pytest.mark.parametrize("style", STYLES)
def test_scale_bars_of_all_makers_are_measured(style):
    made = make_bar(np.random.default_rng(5), style)
    bar = find_bar(made.image)
    reading = read_bar(made.image, bar, read_text=words_of(made, bar.rows[0]))
    assert reading.length_nm == made.length_nm
    assert abs(reading.length_px - made.length_px) <= reading.length_error_px
    assert reading.pixel_size_nm == pytest.approx(made.length_nm / made.length_px, rel=0.02)
    assert reading.voltage_kv is not None


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 0.8])
def test_a_block_is_measured_between_pixels(shift):
    fine = np.zeros((400, 2000), np.float32)
    fine[200:280, 300 + int(20 * shift) : 1500] = 1
    ink = np.asarray(Image.fromarray(fine).resize((100, 20), Image.Resampling.BOX))
    (mark,) = marks_in(ink)
    assert mark.kind == "block"
    assert mark.length == pytest.approx(60 - shift, abs=0.1)


def test_the_sample_read_from_its_bar_agrees_with_its_metadata():
    picture = nanoporous_gold_file()
    bar = find_bar(picture.array)
    reading = read_bar(
        picture.array, bar, read_text=lambda _: [Word("20 nm", (7, 287, 28, 344), 0.95)]
    )
    assert reading.length_px == pytest.approx(37, abs=0.5)
    assert reading.pixel_size_nm == pytest.approx(picture.pixel_size[1], rel=0.05)
    assert reading.scale_box[0] > bar.rows[0]


def test_without_text_the_length_in_pixels_is_known():
    picture = nanoporous_gold_file().array
    reading = read_bar(picture, find_bar(picture), read_text=lambda _: [])
    assert reading.length_px == pytest.approx(37, abs=0.5)
    assert reading.pixel_size_nm is None


@pytest.mark.parametrize(("text", "why"), [("108 nm", "odd"), ("20 mm", "far too long")])
def test_a_misread_length_is_refused(text, why):
    picture = nanoporous_gold_file().array
    reading = read_bar(
        picture, find_bar(picture), read_text=lambda _: [Word(text, (7, 287, 28, 344))]
    )
    assert reading.length_nm is None, why


def test_lengths_that_contradict_each_other_are_refused():
    picture = nanoporous_gold_file().array
    words = [Word("20 nm", (7, 287, 28, 344)), Word("Mag = 500 X", (20, 631, 41, 793))]
    assert read_bar(picture, find_bar(picture), read_text=lambda _: words).pixel_size_nm is None
    words = [Word("20 nm", (7, 287, 28, 344)), Word("Width = 556 µm", (17, 439, 36, 606))]
    assert read_bar(picture, find_bar(picture), read_text=lambda _: words).pixel_size_nm is None


@pytest.mark.parametrize("ink", [0, 255])
def test_a_scale_bar_burnt_into_the_picture_is_read(ink):
    picture = specimen(np.random.default_rng(1), 300, 400) // 3 + 80
    picture[270:276, 250:350] = ink
    letters = picture[240:262, 270:320]
    letters[4:-4, 4:-4:6] = ink
    reading = read_bar(picture, None, read_text=lambda _: [Word("2 µm", (240, 270, 262, 320))])
    assert reading.length_px == pytest.approx(100, abs=1)
    assert reading.pixel_size_nm == pytest.approx(20, rel=0.02)


def test_a_picture_without_scale_bar_gives_nothing():
    picture = specimen(np.random.default_rng(1), 200, 200)
    reading = read_bar(picture, None, read_text=lambda _: [])
    assert (reading.length_px, reading.pixel_size_nm) == (None, None)


def test_reading_text_without_its_package_names_the_extra(monkeypatch):
    monkeypatch.setattr(ocr, "installed", lambda: False)
    with pytest.raises(SourceError, match=r"\[ocr\]"):
        ocr.read_words(np.zeros((20, 20)))


def test_python_ends_while_text_is_being_read():
    script = """
import subprocess, sys, threading, numpy as np
from napari_micrograph_vlm.readers.bar import ocr
silent = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(300)"]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
ocr._reader._process = process = subprocess.Popen(silent, **pipes)
process.stdout.readline()
threading.Thread(target=ocr._reader.read, args=(np.zeros((9, 9), np.uint8),), daemon=True).start()
while not ocr._reader._lock.locked():
    pass
"""
    # The reader itself would wait for two minutes.
    ended = subprocess.run([sys.executable, "-c", script], timeout=60, capture_output=True)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.skipif(find_spec("rapidocr_onnxruntime") is None, reason="needs the extra ocr")
def test_the_sample_is_read_from_its_bar_alone():
    picture = nanoporous_gold_file()
    reading = read_bar(picture.array, find_bar(picture.array))
    assert reading.pixel_size_nm == pytest.approx(0.543, rel=0.05)
    assert (reading.voltage_kv, reading.working_distance_mm) == (20, 6.2)
    assert reading.magnification == 500_000
    # Its Qt would quarrel with napari's.
    assert "cv2" not in sys.modules

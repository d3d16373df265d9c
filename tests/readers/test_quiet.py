"""What libraries say is kept from users; the program's filters of warnings stay as they were."""

from __future__ import annotations

import logging
import warnings
from threading import Event, Thread

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_micrograph_vlm.readers.micrograph import read_micrograph
from napari_micrograph_vlm.readers.quiet import quiet
from napari_micrograph_vlm.readers.tiff_pillow import read_page

GREY = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)


def test_warnings_and_a_log_are_silent_within(caplog):
    log = logging.getLogger("some.library")
    before = log.disabled, log.level
    with quiet(log="some.library"):
        warnings.warn("never mind", stacklevel=1)
        log.error("never mind")
    assert not caplog.records
    assert (log.disabled, log.level) == before


def test_other_warnings_are_heard():
    with quiet(DeprecationWarning), pytest.warns(UserWarning, match="mind this"):
        warnings.warn("mind this", stacklevel=1)


@pytest.mark.parametrize("read", [read_micrograph, lambda path: read_page(path, 0, GREY.dtype)])
def test_filters_stay_as_they_were_where_two_threads_overlap(tmp_path, monkeypatch, read):
    path = tmp_path / ("a.png" if read is read_micrograph else "a.tif")
    Image.fromarray(GREY).save(path)
    inside, other_inside, left = Event(), Event(), Event()
    real = Image.open

    def slow(*args, **options):
        inside.set()
        other_inside.wait(0.1)  # in vain: the other waits for this one
        return real(*args, **options)

    monkeypatch.setattr(Image, "open", slow)

    def other():
        inside.wait(5)
        with quiet():
            other_inside.set()
            left.wait(0.1)

    before = list(warnings.filters)
    thread = Thread(target=other)
    thread.start()
    read(path)
    left.set()
    thread.join()
    assert list(warnings.filters) == before


def test_a_picture_larger_than_pillow_expects_is_read_in_silence(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    Image.fromarray(GREY).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    np.testing.assert_array_equal(read_micrograph(tmp_path / "a.png").array, GREY)
    np.testing.assert_array_equal(read_page(tmp_path / "a.tif", 0, GREY.dtype), GREY)
    assert not recwarn.list

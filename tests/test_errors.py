"""What is said of errors of libraries."""

from __future__ import annotations

import pytest

from napari_micrograph_vlm.errors import one_line


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("two\n lines."), "two lines"),
        (ValueError(), "ValueError"),
        (KeyError(256), "KeyError 256"),
        (OSError("..."), "OSError"),
    ],
)
def test_an_error_says_something_in_one_line(error, said):
    assert one_line(error) == said

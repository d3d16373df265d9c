import importlib.util
import warnings

import matplotlib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from run_findings import attention

from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.lengths import in_metres
from napari_micrograph_vlm.regions import Cutout, Region
from napari_micrograph_vlm.reporting.figure import COLORMAPS, save_figure
from napari_micrograph_vlm.reporting.scale_bar import scale_bar


def region(shape=(60, 90), **options):
    array = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    return Cutout.of_array(array, **options).read()


def blank(width, size, unit):
    return Region(np.zeros((8, 8), np.float32), (0, 0, 10, width), None, (size, size), unit)


@pytest.mark.parametrize(
    ("suffix", "start"),
    [(".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF"), (".tif", b"II*\0")],
)
def test_every_kind_of_file_is_written(tmp_path, suffix, start):
    path = tmp_path / f"figure{suffix}"
    save_figure(path, region(pixel_size=(2, 2), unit="nm"), attention(), text="a pore")
    assert path.read_bytes().startswith(start)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_picture_has_the_width_and_the_resolution_of_a_column(tmp_path):
    for suffix in (".png", ".tif"):
        save_figure(tmp_path / f"a{suffix}", region(), attention())
        with Image.open(tmp_path / f"a{suffix}") as picture:
            assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert picture.width == pytest.approx(85 / 25.4 * 300, abs=2)


def test_the_overlay_is_brightest_where_the_model_looked(tmp_path):
    grey = Region(np.full((40, 50), 0.5, np.float32), (0, 0, 40, 50))
    save_figure(tmp_path / "a.png", grey, attention((4, 5), (3, 4)), dpi=100)
    with Image.open(tmp_path / "a.png") as picture:
        pixels = np.asarray(picture.convert("RGB"), float)
    colour = pixels.max(-1) - pixels.min(-1)
    across = int(pixels.shape[1] * 66 / 85)  # without the colour bar
    row, column = np.unravel_index(colour[:, :across].argmax(), (pixels.shape[0], across))
    assert row > 0.6 * pixels.shape[0]
    assert column > 0.7 * across


def test_letters_are_embedded(tmp_path):
    save_figure(tmp_path / "a.pdf", region(), attention(), text="a pore")
    data = (tmp_path / "a.pdf").read_bytes()
    assert b"/FontFile2" in data  # TrueType, as journals want it
    assert b"/Type3" not in data
    save_figure(tmp_path / "a.svg", region(), attention(), text="a pore")
    assert "<text" not in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_the_same_figure_is_the_same_file(tmp_path):
    for suffix in (".svg", ".pdf", ".png"):
        for name in "ab":
            save_figure(tmp_path / f"{name}{suffix}", region(), attention(), text="x")
        first, second = (tmp_path / f"{name}{suffix}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_a_figure_says_what_it_shows():
    texts = drawn(region(pixel_size=(2, 2), unit="nm"), "a pore")
    assert {"share of attention", "a pore", "50 nm", "0 %", "60 %"} <= texts
    assert not any("nm" in text for text in drawn(region(), "a pore"))


def drawn(of, text):
    from matplotlib.text import Text

    from napari_micrograph_vlm.reporting.figure import _figure

    figure = _figure(of, attention(), text, "magma", 0.7, 85.0)
    return {each.get_text() for each in figure.findobj(Text)}


def test_settings_of_matplotlib_stay_as_they_were(tmp_path):
    before = dict(matplotlib.rcParams)
    save_figure(tmp_path / "a.pdf", region(), attention(), text="$x$ costs 5 $ 漢字")
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("text", ["$\\frac{", "5 $ and 6 $", "😀\udcff", "word " * 80, "x" * 500])
def test_any_answer_can_be_written_above(tmp_path, text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(tmp_path / "a.png", region(), attention(), text=text, dpi=60)
    assert (tmp_path / "a.png").stat().st_size > 1000


@pytest.mark.parametrize("shape", [(900, 20), (20, 900), (8, 8), (30, 40, 3)])
def test_any_region_fits_a_page(tmp_path, shape):
    save_figure(tmp_path / "a.png", region(shape), attention(), dpi=72)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.height <= 240 / 25.4 * 72
        assert picture.width <= 86 / 25.4 * 72


def test_an_outline_and_an_empty_map_can_be_drawn(tmp_path):
    array = np.random.default_rng(0).integers(0, 255, (60, 90), np.uint8)
    inside = Cutout.of_array(array, [(2, 2), (2, 80), (55, 40)]).read()
    empty = attention()
    empty.values[:] = 0
    for name in COLORMAPS:
        save_figure(tmp_path / f"{name}.png", inside, empty, colormap=name, dpi=50)


def test_figures_that_cannot_be_written_are_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(MicrographError, match=r"end it in \.png"):
        save_figure(tmp_path / "a.bmp", region(), attention())
    with pytest.raises(MicrographError, match="no folder"):
        save_figure(tmp_path / "no" / "a.png", region(), attention())
    with pytest.raises(MicrographError, match="no colour map 'jet'"):
        save_figure(tmp_path / "a.png", region(), attention(), colormap="jet")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MicrographError, match=r"pip install napari-micrograph-vlm\[report\]"):
        save_figure(tmp_path / "a.png", region(), attention())


@pytest.mark.parametrize(
    ("width", "size", "unit", "text"),
    [
        (90, 2.0, "nm", "50 nm"),
        (1000, 1.5, "nm", "500 nm"),
        (2048, 5.0, "nm", "2 µm"),
        (1000, 0.1, "Å", "2 nm"),
        (1000, 0.02, "angstrom", "500 pm"),
        (512, 0.001, "inch", "2 mm"),
        (100, 0.03, "1/nm", "1 1/nm"),
        (3, 1.0, "µm", "1 µm"),
    ],
)
def test_the_scale_bar_is_round_in_a_unit_that_reads_well(width, size, unit, text):
    assert scale_bar(blank(width, size, unit)).text == text


@given(
    st.integers(8, 100_000),
    st.floats(1e-6, 1e6, allow_subnormal=False),
    st.sampled_from(["pm", "nm", "um", "mm", "angstrom"]),
)
def test_the_bar_is_as_long_as_it_says_and_fits(width, size, unit):
    bar = scale_bar(blank(width, size, unit))
    number, written = bar.text.split()
    assert 0.1 < bar.share <= 1 / 3 + 1e-6 or in_metres(unit) * width * size < 3e-12
    length = float(number) * in_metres(written)
    assert bar.share * width * size * in_metres(unit) == pytest.approx(length, rel=1e-6)
    assert f"{float(number):e}"[0] in "125"
    assert float(f"{float(number):e}"[:8]) in (1, 2, 5)


def test_there_is_no_bar_where_the_pixel_size_is_unknown():
    assert scale_bar(region()) is None
    assert scale_bar(blank(90, 1.0, "pixel")) is None
    assert scale_bar(blank(90, 0.0, "nm")) is None
    assert scale_bar(blank(90, float("nan"), "nm")) is None

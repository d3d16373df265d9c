"""More like an example: windows that join, peaks, and examples that are not proposed."""

from threading import Event

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barred import BAR, barred
from fakes import FakeModel
from napari_micrograph_vlm.errors import Cancelled, RegionError, SourceError
from napari_micrograph_vlm.finding.candidates import SimilarityMap, candidates_of
from napari_micrograph_vlm.finding.fields import Folder, field_of, fields_of, read_window
from napari_micrograph_vlm.finding.likeness import Likeness, template_of
from napari_micrograph_vlm.finding.similar import (
    Example,
    Grids,
    Search,
    examples_of,
    find_similar,
    similarity,
)
from napari_micrograph_vlm.finding.windows import Scale, choose_scale, windows_of
from napari_micrograph_vlm.regions import Cutout

SPOTS = [(60, 60), (60, 200), (180, 120), (200, 240)]


def wafer(spots=SPOTS, shape=(288, 320), dtype=np.uint8):
    pixels = np.random.default_rng(1).integers(40, 60, shape).astype(np.uint8)
    for y, x in spots:
        pixels[y : y + 16, x : x + 16] += 150
        pixels[y + 5 : y + 11, x + 5 : x + 11] -= 100
    return pixels.astype(dtype) * (1 if dtype == np.uint8 else 100)


def around(spot):
    y, x = spot
    return (y, x, y + 16, x + 16)


def near(candidate, spot, within=5):
    y0, x0, y1, x1 = candidate.box
    return max(abs((y0 + y1) / 2 - spot[0] - 8), abs((x0 + x1) / 2 - spot[1] - 8)) <= within


class Counting:
    """An array that counts what is read of it, and never gives itself as a whole."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype
        self.ndim = array.ndim
        self.largest = 0

    def __getitem__(self, index):
        part = self.array[index]
        self.largest = max(self.largest, part.size)
        return part


@given(st.integers(8, 300), st.integers(8, 300), st.integers(3, 20), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_windows_cover_every_cell_once(height, width, cells, cell):
    scale = Scale(cells * cell, cells, 1)
    field = field_of(np.zeros((height, width), np.uint8))
    seen = np.zeros(scale.cells_of(field), int)
    for window in windows_of(field, scale):
        rows = slice(window.row, window.row + scale.step)
        columns = slice(window.column, window.column + scale.step)
        seen[rows, columns] += 1
    assert (seen == 1).all()
    assert seen.shape[0] * cell >= height
    assert seen.shape[1] * cell >= width


def test_a_window_over_the_edge_is_mirrored():
    pixels = wafer()
    region = read_window(field_of(pixels), -10, 300, 96)
    assert region.pixels.shape == (96, 96)
    assert region.box == (-10, 300, 86, 396)
    np.testing.assert_allclose(region.pixels[10:, :20], pixels[:86, 300:] / 255, atol=1e-6)
    np.testing.assert_array_equal(region.pixels[:10], region.pixels[10:20][::-1])


def test_a_window_without_contrast_is_nothing():
    assert read_window(field_of(np.zeros((200, 200), np.uint8)), 0, 0, 96) is None


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_the_others_are_found_first_in_pixels_of_any_type(dtype):
    field = field_of(wafer(dtype=dtype))
    search = Search(FakeModel(), examples_of(field, [around(SPOTS[0])]))
    found = find_similar(search, [field])
    assert all(any(near(one, spot) for one in found[:3]) for spot in SPOTS[1:])
    assert not any(near(one, SPOTS[0]) for one in found)
    assert [one.similarity for one in found] == sorted((o.similarity for o in found), reverse=True)
    assert all(one.box[2] - one.box[0] == 16 == one.box[3] - one.box[1] for one in found)


def test_the_example_is_as_like_itself_as_can_be():
    field = field_of(wafer())
    (made,) = similarity(FakeModel(), examples_of(field, [around(SPOTS[0])]), field)
    y, x = (68 // made.cell, 68 // made.cell)
    assert made.values[y - 1 : y + 2, x - 1 : x + 2].max() > 0.9
    assert made.values.max() <= 1 + 1e-5
    picture = made.picture()
    assert picture.shape == field.shape
    assert 0 <= picture.min() <= picture.max() <= 1


@pytest.mark.parametrize("spot", [(0, 0), (0, 304), (272, 0), (272, 304), (150, 0)])
def test_a_defect_in_a_corner_is_not_missed(spot):
    field = field_of(wafer([SPOTS[2], spot]))
    search = Search(FakeModel(), examples_of(field, [around(SPOTS[2])]))
    found = find_similar(search, [field], most=3)
    assert any(near(one, spot, 7) for one in found)
    assert all(one.box[0] >= 0 and one.box[2] <= 288 for one in found)


def test_only_windows_are_read():
    array = Counting(wafer(shape=(2000, 1800)))
    field = field_of(array)
    assert array.largest <= 24 * 1800, "only a few rows, to look for an information bar"
    array.largest = 0
    next(iter(similarity(FakeModel(), examples_of(field, [around(SPOTS[0])]), field)))
    assert array.largest <= 128 * 128


def test_a_lazy_array_gives_the_same():
    dask = pytest.importorskip("dask.array")
    pixels = wafer()
    maps = [
        next(iter(similarity(FakeModel(), examples_of(field, [around(SPOTS[0])]), field)))
        for field in (field_of(pixels), field_of(dask.from_array(pixels, chunks=64)))
    ]
    np.testing.assert_array_equal(maps[0].values, maps[1].values)


def test_a_picture_smaller_than_a_window():
    field = field_of(wafer([(8, 8), (40, 40)], (60, 64)))
    search = Search(FakeModel(), examples_of(field, [around((8, 8))]))
    assert any(near(one, (40, 40), 8) for one in find_similar(search, [field]))


def test_rejected_places_count_against_what_looks_like_them():
    grid = np.zeros((10, 10, 2), np.float32)
    grid[2, 2] = grid[2, 7] = 1, 0
    grid[7, 2] = grid[7, 7] = 0.8, 0.6
    background = np.zeros(2, np.float32)
    wanted = template_of(grid, background, (2, 2, 3, 3))
    unwanted = template_of(grid, background, (7, 2, 8, 3))
    plain = Likeness([wanted]).of(grid, background)
    against = Likeness([wanted], [unwanted]).of(grid, background)
    assert plain[2, 7] == against[2, 7] == pytest.approx(1)
    assert plain[7, 7] == pytest.approx(0.8)
    assert against[7, 7] == pytest.approx(0.6)


def test_a_bare_region_can_be_the_example():
    pixels = wafer()
    region = Cutout.of_array(pixels, around(SPOTS[0])).read()
    made = next(iter(similarity(FakeModel(), [region], pixels)))
    assert made.values.shape[0] * made.cell >= 288


def test_remembered_windows_are_not_looked_at_again_and_memory_is_bounded():
    field = field_of(wafer(), key="wafer")
    grids = Grids()
    model = FakeModel()
    looked = []
    grid = model.feature_grid
    model.feature_grid = lambda region, cancel=None: looked.append(1) or grid(region)
    search = Search(model, examples_of(field, [around(SPOTS[0])]), grids=grids)
    first = next(iter(search.maps([field])))
    number = len(looked)
    again = next(iter(search.maps([field])))
    assert len(looked) - number < 5, "only to choose the scale"
    np.testing.assert_array_equal(first.values, again.values)
    small = Grids(limit=3000)
    for key in range(50):
        small.get(key, lambda: np.ones((10, 10, 3), np.float32))
    assert small.size <= 3000


def test_a_stopped_search_stops():
    cancel = Event()
    field = field_of(wafer())
    search = Search(FakeModel(), examples_of(field, [around(SPOTS[0])]), cancel=cancel)
    shares = []

    def tell(share, name):
        shares.append(share)
        if len(shares) == 3:
            cancel.set()

    with pytest.raises(Cancelled):
        list(search.maps([field], tell))
    assert len(shares) == 3


def test_progress_goes_from_nothing_to_all():
    fields = [field_of(wafer()), field_of(wafer([]))]
    shares = []
    search = Search(FakeModel(), examples_of(fields[0], [around(SPOTS[0])]))
    find_similar(search, fields, on_progress=lambda share, name: shares.append(share))
    assert shares[0] == 0
    assert shares[-1] == 1
    assert shares == sorted(shares)


@pytest.mark.parametrize("examples", [[], "flat"])
def test_no_example_is_said_in_one_sentence(examples):
    field = field_of(np.zeros((200, 200), np.uint8) if examples else wafer())
    wanted = [Example(field, (20, 20, 40, 40))] if examples else []
    with pytest.raises(RegionError, match="example"):
        list(Search(FakeModel(), wanted).maps([field]))


def test_a_folder_passes_over_what_is_no_picture(tmp_path):
    from PIL import Image

    (tmp_path / "deep").mkdir()
    Image.fromarray(wafer()).save(tmp_path / "deep" / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("no picture")
    folder = fields_of(tmp_path)
    assert isinstance(folder, Folder)
    assert len(folder) == 2
    assert [field.name for field in folder] == ["a"]
    assert "empty" in folder.skipped[0]
    with pytest.raises(SourceError, match="no TIFF, PNG or JPEG"):
        fields_of(tmp_path / "deep" / "..").__class__(tmp_path / "nothing")


def test_an_information_bar_does_not_change_the_contrast_of_the_picture():
    picture = barred((300, 400)).astype(np.uint16)
    picture[:-BAR] += 10_000
    picture[-BAR:] *= 257  # black and white of 16 bit
    field, bare = field_of(picture), field_of(picture[:-BAR])
    assert field.shape == bare.shape
    box = (0, 0, 100, 100)
    low, high = field.cut(box).contrast_limits
    assert (low, high) == pytest.approx(bare.cut(box).contrast_limits, abs=2)


def test_every_page_and_plane_is_a_field(tmp_path):
    import tifffile

    stack = np.random.default_rng(0).integers(0, 255, (3, 40, 50), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", stack[0])
    for hidden in (".c.tif", "b.tif.vlm/x.tif", ".git/x.tif"):
        (tmp_path / hidden).parent.mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / hidden, stack[0])
    folder = fields_of(tmp_path)
    pages = list(folder)
    assert len(folder) == 4
    assert [field.plane for field in pages] == [(0,), (1,), (2,), ()]
    assert len({field.key for field in pages}) == 4
    assert [field.plane for field in fields_of(tmp_path / "a.tif")] == [(0,), (1,), (2,)]
    colour = np.stack([stack] * 3, axis=-1)
    for fields in (pages[:3], fields_of(stack), fields_of(colour), fields_of(stack[None])):
        assert len(fields) == 3
        for number, field in enumerate(fields):
            window = read_window(field, 8, 8, 16)
            expected = stack[number, 8:24, 8:24]
            shown = window.pixels if window.pixels.ndim == 2 else window.pixels[..., 0]
            np.testing.assert_allclose(shown * 255, expected, atol=0.01)
    assert len(fields_of(stack.transpose(1, 2, 0))) == 1  # (40, 50, 3) is colour


def test_candidates_do_not_overlap_and_stay_inside():
    field = field_of(wafer())
    values = np.random.default_rng(0).random((72, 80)).astype(np.float32)
    found = candidates_of(SimilarityMap(field, values, 4), (24, 40), least=0, most=500)
    boxes = np.array([one.box for one in found])
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    apart = np.abs(centres[:, None] - centres[None])
    inner = (boxes[:, 0] > 0) & (boxes[:, 1] > 0) & (boxes[:, 2] < 288) & (boxes[:, 3] < 320)
    close = (apart[..., 0] < 12 - 8) & (apart[..., 1] < 20 - 8)
    np.fill_diagonal(close, False)
    assert not close[np.ix_(inner, inner)].any()
    assert boxes.min() >= 0
    assert (boxes[:, 2:] <= [288, 320]).all()
    assert len(candidates_of(SimilarityMap(field, values, 4), (24, 40), most=5)) == 5


def test_candidates_share_at_most_a_third_with_each_other_and_with_known_places():
    values = np.random.default_rng(0).random((72, 80)).astype(np.float32)
    known = [(96, 100, 120, 140), (31, 200, 55, 240)]
    found = candidates_of(
        SimilarityMap(field_of(wafer()), values, 4), (24, 40), least=0, most=500, known=known
    )
    boxes = np.array([*known, *(one.box for one in found)])
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=-1) / (24 * 40)
    np.fill_diagonal(shared, 0)
    assert len(found) > 20
    assert shared.max() <= 1 / 3


@given(st.integers(6, 40), st.floats(2, 8))
@settings(max_examples=15, deadline=None)
def test_the_scale_gives_cells_of_whole_pixels(longest, view):
    field = field_of(wafer())
    scale = choose_scale(FakeModel(), field, longest, (140, 160), view)
    assert scale.side % scale.cells == 0
    assert scale.side >= 96 - scale.cells
    assert scale.step >= 1

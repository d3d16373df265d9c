"""From an item of a run back to its place."""

from dataclasses import replace

import numpy as np
import pytest
from napari.layers import Shapes
from run_panels import BOX, NAMES, any_run, corners, folder_journal, pictures_in

from fakes import FakeModel, picture
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.labelling.label_sets import label_set_of
from napari_micrograph_vlm.runs.findings import Finding
from napari_micrograph_vlm.runs.items import Item, Task
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.run import run_batch, run_of
from napari_micrograph_vlm.runs.tiles import Tiles
from napari_micrograph_vlm.viewer.handler_jobs import wait_for_jobs
from napari_micrograph_vlm.viewer.handler_show import Back
from napari_micrograph_vlm.viewer.item_frame import is_frame, remove_frame
from napari_micrograph_vlm.viewer.item_places import go_to, is_opening, plan_region, region_of
from napari_micrograph_vlm.viewer.layer_sources import LookAt, plan_source
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.run_book import RunBook

pytestmark = pytest.mark.gui

TURNED = {
    "scale": (2.5, 0.5),
    "translate": (3.0, -7.0),
    "rotate": 33.0,
    "shear": [0.2],
    "affine": np.array([[0.9, 0.1, 4], [-0.2, 1.1, 5], [0, 0, 1.0]]),
    "units": ("nm", "nm"),
}


@pytest.fixture
def viewer(make_napari_viewer):
    yield make_napari_viewer()
    assert wait_for_jobs(5)


def looked_at(viewer, look_at, image, path, **options):
    """Run through a source of the window; return its findings."""
    source = plan_source(viewer, image, look_at, **options)()
    model, task = FakeModel(), Task(label_set=label_set_of(NAMES))
    with Journal.create(path, run_of(source, task, model)) as journal:
        run_batch(source, task, model, journal)
    RunBook.of(viewer).open(Journal.open(path), source.places)
    return list(RunBook.of(viewer).journal.findings())


def cell_corners(overlay):
    """World coordinates of the outer corners of an overlay's first and last pixel."""
    shape = np.array(overlay.data.shape)
    low, high = np.full(overlay.ndim, -0.5), shape - 0.5
    # Along an axis with a single pixel the middle is what counts.
    low[shape == 1] = high[shape == 1] = 0
    return np.array([overlay.data_to_world(low), overlay.data_to_world(high)])


def box_corners(image, box, plane=(), axes=None):
    axes = axes or (image.ndim - 2, image.ndim - 1)
    points = np.zeros((2, image.ndim))
    hidden = [axis for axis in range(image.ndim) if axis not in axes]
    points[:, hidden] = plane
    points[:, axes[0]] = np.array([box[0], box[2]]) - 0.5
    points[:, axes[1]] = np.array([box[1], box[3]]) - 0.5
    return np.array([image.data_to_world(point) for point in points])


def visible(viewer):
    return [layer for layer in overlays_of(viewer) if layer.visible]


@pytest.mark.parametrize("turned", [{}, TURNED])
def test_a_shape_is_shown_with_its_overlay_exactly_on_it(viewer, tmp_path, turned):
    image = viewer.add_image(picture(), name="gold", **turned)
    shapes = viewer.add_shapes([BOX, BOX + 5], **turned)
    found = looked_at(viewer, LookAt.SHAPES, image, tmp_path / "a.journal", drawn=shapes)
    told = []
    for one in found:
        assert go_to(viewer, one, then=lambda back, text: told.append((back, text))) is Back.REGION
        (overlay,) = visible(viewer)
        expected = box_corners(image, one.item.box)
        np.testing.assert_allclose(cell_corners(overlay), expected, atol=1e-9)
        middle = np.asarray(viewer.scene.camera.center[-2:])
        np.testing.assert_allclose(middle, expected.mean(axis=0), atol=1e-6)
    assert told == [(Back.REGION, "")] * 2


def test_one_overlay_at_a_time_is_kept(viewer, tmp_path):
    image = viewer.add_image(picture(), name="gold")
    shapes = viewer.add_shapes([BOX + i for i in range(5)])
    found = looked_at(viewer, LookAt.SHAPES, image, tmp_path / "a.journal", drawn=shapes)
    for one in [*found, found[0]]:
        go_to(viewer, one)
    assert len(overlays_of(viewer)) == 1
    assert viewer.layers.selection.active is shapes


def test_an_overlay_of_another_panel_is_hidden_and_kept(viewer, tmp_path):
    from run_panels import classified

    from napari_micrograph_vlm.viewer.overlays import show_overlay

    image = viewer.add_image(picture(), name="gold")
    shapes = viewer.add_shapes([BOX])
    (other,) = show_overlay(viewer, classified(viewer, image, viewer.add_shapes([BOX + 3])))
    found = looked_at(viewer, LookAt.SHAPES, image, tmp_path / "a.journal", drawn=shapes)
    go_to(viewer, found[0])
    assert other in viewer.layers
    assert not other.visible


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_slice_along_any_axis(viewer, tmp_path, axis):
    shape = (12, 20, 31)
    image = viewer.add_image(picture(shape), name="stack", scale=(3, 2, 1))
    found = looked_at(viewer, LookAt.SLICES, image, tmp_path / "a.journal", axis=axis)
    assert len(found) == shape[axis]
    one = found[7]
    assert go_to(viewer, one) is Back.REGION
    assert viewer.dims.current_step[axis] == 7
    left = tuple(other for other in range(3) if other != axis)
    assert tuple(viewer.dims.order[-2:]) == left
    (overlay,) = visible(viewer)
    expected = box_corners(image, one.item.box, (7,), left)
    np.testing.assert_allclose(cell_corners(overlay), expected, atol=1e-9)


def test_a_slice_of_a_journal_opened_another_day(viewer, tmp_path):
    image = viewer.add_image(picture((9, 20, 31)), name="stack")
    found = looked_at(viewer, LookAt.SLICES, image, tmp_path / "a.journal", axis=1)
    viewer.layers.clear()
    again = viewer.add_image(picture((9, 20, 31)), name="stack")
    RunBook.of(viewer).open(Journal.open(tmp_path / "a.journal"))
    assert go_to(viewer, found[4]) is Back.REGION
    (overlay,) = visible(viewer)
    expected = box_corners(again, found[4].item.box, (4,), (0, 2))
    np.testing.assert_allclose(cell_corners(overlay), expected, atol=1e-9)


def test_tiles_and_what_surrounds_them(viewer, tmp_path):
    image = viewer.add_image(picture((200, 300)), name="wafer")
    tiles = Tiles(100, 0)
    found = looked_at(viewer, LookAt.TILES, image, tmp_path / "a.journal", tiles=tiles)
    assert len(found) == 6
    go_to(viewer, found[4])
    (overlay,) = visible(viewer)
    np.testing.assert_allclose(cell_corners(overlay), box_corners(image, (100, 100, 200, 200)))
    size = np.asarray(viewer.canvas.viewbox_size(viewer.layers))
    shown = size / viewer.scene.camera.zoom
    assert shown.min() == pytest.approx(200)  # twice the region's side


def test_an_object_has_its_own_outline(viewer, tmp_path):
    image = viewer.add_image(picture(), name="gold")
    data = np.zeros((64, 80), int)
    rows, columns = np.mgrid[:64, :80]
    data[(rows - 30) ** 2 + (columns - 40) ** 2 < 20**2] = 5
    labels = viewer.add_labels(data, name="objects")
    found = looked_at(viewer, LookAt.OBJECTS, image, tmp_path / "a.journal", drawn=labels)
    assert [one.item.label for one in found] == [5]
    go_to(viewer, found[0])
    (overlay,) = visible(viewer)
    assert np.isnan(overlay.data[0, 0])  # the corner lies outside the disc
    region = region_of(viewer, found[0])
    assert region.mask.sum() == (data == 5).sum()


def test_a_region_is_read_again_as_it_was(viewer, tmp_path):
    image = viewer.add_image(picture(), name="gold")
    shapes = viewer.add_shapes([BOX], shape_type="ellipse")
    source = plan_source(viewer, image, LookAt.SHAPES, drawn=shapes)()
    (item,) = source.items()
    first = source.read(item)
    RunBook.of(viewer).open(Journal.create(":memory:", any_run()), source.places)
    for gone in (False, True):
        if gone:
            viewer.layers.remove(shapes)
        again = region_of(viewer, Finding(item))
        np.testing.assert_array_equal(again.pixels, first.pixels)
        np.testing.assert_array_equal(again.mask, first.mask)
        assert again.box == first.box


def test_a_removed_image_and_one_with_other_data(viewer, tmp_path):
    image = viewer.add_image(picture(), name="gold")
    shapes = viewer.add_shapes([BOX])
    found = looked_at(viewer, LookAt.SHAPES, image, tmp_path / "a.journal", drawn=shapes)
    told = []
    image.data = picture((64, 80))[::-1]
    assert go_to(viewer, found[0], then=lambda *news: told.append(news)) is Back.NOTHING
    assert "other data" in told[0][1]
    viewer.layers.remove(image)
    assert go_to(viewer, found[0], then=lambda *news: told.append(news)) is Back.NOTHING
    assert told[1] == (Back.NOTHING, Back.NOTHING.value)
    with pytest.raises(SourceError, match="no longer open"):
        region_of(viewer, found[0])


def test_three_dimensions_are_left(viewer, tmp_path):
    image = viewer.add_image(picture((9, 20, 31)), name="stack")
    found = looked_at(viewer, LookAt.SLICES, image, tmp_path / "a.journal", axis=0)
    viewer.dims.ndisplay = 3
    assert go_to(viewer, found[2]) is Back.REGION
    assert viewer.dims.ndisplay == 2


class Files:
    """A folder that was run through, and a viewer to look at it."""

    def __init__(self, viewer, folder, path):
        self.viewer = viewer
        RunBook.of(viewer).open(Journal.open(folder_journal(folder, path)))
        self.found = list(RunBook.of(viewer).journal.findings())

    def go(self, finding, qtbot):
        told = []
        assert go_to(self.viewer, finding, then=lambda *news: told.append(news)) is Back.REGION
        qtbot.waitUntil(lambda: bool(told), timeout=20_000)
        assert not is_opening(self.viewer)
        return told[0]


def test_a_file_is_opened_in_place_of_the_one_before(viewer, tmp_path, qtbot):
    it = Files(viewer, pictures_in(tmp_path / "in"), tmp_path / "a.journal")
    for one in it.found[:3]:
        assert it.go(one, qtbot) == (Back.REGION, "")
        others = [*overlays_of(viewer), *filter(is_frame, viewer.layers)]
        (name,) = [layer.name for layer in viewer.layers if layer not in others]
        assert name == one.item.source.rpartition("/")[2].rpartition("\\")[2]
        assert len(visible(viewer)) == 1


def test_a_file_that_is_open_is_not_opened_again(viewer, tmp_path, qtbot):
    folder = pictures_in(tmp_path / "in")
    it = Files(viewer, folder, tmp_path / "a.journal")
    mine = viewer.add_image(
        picture(), name="mine", metadata={"path": it.found[1].item.source}, scale=(4, 4)
    )
    assert go_to(viewer, it.found[1]) is Back.REGION
    assert not is_opening(viewer)
    (overlay,) = visible(viewer)
    np.testing.assert_allclose(cell_corners(overlay), box_corners(mine, (0, 0, 64, 80)))
    it.go(it.found[2], qtbot)
    assert mine in viewer.layers  # the user's own stays


def test_the_last_of_several_calls_counts(viewer, tmp_path, qtbot):
    it = Files(viewer, pictures_in(tmp_path / "in"), tmp_path / "a.journal")
    told = []
    for one in it.found:
        go_to(viewer, one, then=lambda *news, one=one: told.append(one))
    qtbot.waitUntil(lambda: bool(told), timeout=20_000)
    assert wait_for_jobs(5)
    qtbot.wait(50)
    assert told == [it.found[-1]]
    assert "picture-3.png" in viewer.layers
    assert len(viewer.layers) == 3  # the image, the overlay and the frame


def test_a_file_that_is_gone(viewer, tmp_path, qtbot):
    folder = pictures_in(tmp_path / "in")
    it = Files(viewer, folder, tmp_path / "a.journal")
    (folder / "picture-1.png").unlink()
    back, sentence = it.go(it.found[1], qtbot)
    assert back is Back.NOTHING
    assert "picture-1.png" in sentence


def test_the_pixels_of_a_file_are_read_without_opening_it(viewer, tmp_path):
    it = Files(viewer, pictures_in(tmp_path / "in"), tmp_path / "a.journal")
    plan = plan_region(viewer, it.found[0])
    assert len(viewer.layers) == 0
    np.testing.assert_allclose(plan().pixels, picture() / 255, atol=1e-6)


def test_the_map_of_an_answer_can_be_chosen(viewer, tmp_path):
    image = viewer.add_image(picture(), name="gold")
    model, item = FakeModel(), Item("a", "gold", box=(0, 0, 64, 80))
    maps = (model._map(0), model._map(35))
    finding = Finding(item, best="crack", probabilities={"crack": 0.7, "pore": 0.3}, maps=maps)
    for which, peak in ((0, (0, 0)), (1, (1, 1))):
        assert go_to(viewer, finding, which=which) is Back.REGION
        (overlay,) = visible(viewer)
        at = np.unravel_index(np.nanargmax(overlay.data), overlay.data.shape)
        assert tuple(np.array(at) * 2 // overlay.data.shape) == peak
    assert image.visible


def test_a_shape_that_was_moved_is_shown_where_it_was_looked_at(viewer, tmp_path):
    image = viewer.add_image(picture(), name="gold")
    shapes: Shapes = viewer.add_shapes([BOX])
    found = looked_at(viewer, LookAt.SHAPES, image, tmp_path / "a.journal", drawn=shapes)
    shapes.data = [corners(20, 30, 50, 70)]
    assert go_to(viewer, replace(found[0])) is Back.REGION
    (overlay,) = visible(viewer)
    np.testing.assert_allclose(cell_corners(overlay), box_corners(image, found[0].item.box))


@pytest.mark.parametrize("turned", [{}, TURNED])
def test_one_frame_lies_exactly_on_the_box(viewer, tmp_path, turned):
    image = viewer.add_image(picture(), name="gold", **turned)
    shapes = viewer.add_shapes([BOX, BOX + 5], **turned)
    found = looked_at(viewer, LookAt.SHAPES, image, tmp_path / "a.journal", drawn=shapes)
    for one in found:
        go_to(viewer, one)
        (frame,) = [layer for layer in viewer.layers if is_frame(layer)]
        (data,) = frame.data
        drawn = np.array([frame.data_to_world(point) for point in data[[0, 2]]])
        np.testing.assert_allclose(drawn, box_corners(image, one.item.box), atol=1e-9)
        assert frame.units == image.units
        assert not frame.selected_data
        assert frame.face_color[0, 3] == 0
    assert viewer.layers.selection.active is shapes
    remove_frame(viewer)
    assert not any(is_frame(layer) for layer in viewer.layers)

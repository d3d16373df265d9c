"""What the user draws becomes the right regions, or one clear sentence."""

from __future__ import annotations

import time

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_micrograph_vlm.errors import MicrographError, RegionError, SourceError
from napari_micrograph_vlm.viewer.geometry import RegionChoice, plan_regions
from napari_micrograph_vlm.viewer.region_shapes import shape_index, shape_indices

SELECTED, EVERY = RegionChoice.SELECTED_SHAPES, RegionChoice.EVERY_SHAPE
SQUARE = np.array([[10, 20], [10, 39], [29, 39], [29, 20]], float)


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def image(viewer):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80)).astype(np.uint8)
    return viewer.add_image(pixels, name="sem")


def ask(viewer, image, drawn, choice=EVERY, **options):
    return plan_regions(viewer, image, choice, drawn=drawn, **options)()


def mask_of(cutout):
    mask = cutout.read().mask
    y0, x0, y1, x1 = cutout.box
    return np.ones((y1 - y0, x1 - x0), bool) if mask is None else mask


def test_rectangle_is_its_pixels_and_has_no_mask(viewer, image):
    (cutout,) = ask(viewer, image, viewer.add_shapes(SQUARE))
    assert cutout.box == (10, 20, 30, 40)
    region = cutout.read()
    assert region.mask is None
    np.testing.assert_allclose(region.pixels * 255, image.data[10:30, 20:40], atol=1)
    assert region.source == "sem"
    assert region.placement.layer() is image
    assert region.placement.axes == (0, 1)
    np.testing.assert_allclose(region.placement.outline, SQUARE)


def test_edges_between_pixels_grow_outwards_and_edges_on_pixels_do_not(viewer, image):
    grown, exact = ask(viewer, image, viewer.add_shapes([SQUARE + 0.2, SQUARE - 0.5]))
    assert grown.box == (10, 20, 30, 40)
    assert exact.box == (10, 20, 29, 39)


def test_rotated_rectangle_has_a_mask(viewer, image):
    turned = (SQUARE - [20, 30]) @ np.array([[0.8, -0.6], [0.6, 0.8]]) + [30, 40]
    (cutout,) = ask(viewer, image, viewer.add_shapes(turned))
    # Its area stays; its bounding box is larger.
    assert mask_of(cutout).sum() == pytest.approx(19 * 19, rel=0.06)
    assert not mask_of(cutout)[0, 0]


def test_ellipse_is_masked_to_its_area(viewer, image):
    (cutout,) = ask(viewer, image, viewer.add_shapes(SQUARE, shape_type="ellipse"))
    assert cutout.box == (10, 20, 30, 40)
    assert mask_of(cutout).sum() == pytest.approx(np.pi * 9.5**2, rel=0.05)


def test_polygon_is_masked(viewer, image):
    triangle = np.array([[10, 10], [40, 10], [10, 40]], float)
    (cutout,) = ask(viewer, image, viewer.add_shapes(triangle, shape_type="polygon"))
    mask = mask_of(cutout)
    assert mask[5, 5]
    assert not mask[-3, -3]


def test_polygon_that_crosses_itself_is_filled_by_the_even_odd_rule(viewer, image):
    angle = np.arange(5) * 4 * np.pi / 5
    star = np.stack([30 + 20 * np.cos(angle), 40 + 20 * np.sin(angle)], axis=1)
    (cutout,) = ask(viewer, image, viewer.add_shapes(star, shape_type="polygon"))
    y0, x0 = cutout.box[:2]
    mask = mask_of(cutout)
    assert not mask[30 - y0, 40 - x0]
    assert mask[30 + 15 - y0, 40 - x0]


@pytest.mark.parametrize("kind", ["line", "path"])
def test_line_is_widened_by_the_margin(viewer, image, kind):
    ends = np.array([[30, 20], [30, 60]], float)
    (cutout,) = ask(viewer, image, viewer.add_shapes(ends, shape_type=kind), margin=5)
    assert cutout.box == (25, 15, 36, 66)
    mask = mask_of(cutout)
    assert mask[5].all()
    assert not mask[0, 0]
    assert mask.sum() == pytest.approx(40 * 10 + np.pi * 25, rel=0.1)


def test_path_with_corners_follows_its_corners(viewer, image):
    path = np.array([[10, 10], [10, 60], [50, 60]], float)
    (cutout,) = ask(viewer, image, viewer.add_shapes(path, shape_type="path"), margin=4)
    mask = mask_of(cutout)
    assert not mask[30, 10]
    assert mask[4, 20]
    assert mask[30, -5]


def test_shape_partly_outside_is_clipped_and_one_outside_refused(viewer, image):
    (cutout,) = ask(viewer, image, viewer.add_shapes(SQUARE + np.array([45, 0])))
    assert cutout.box == (55, 20, 60, 40)
    far = viewer.add_shapes(SQUARE + 500)
    plan = plan_regions(viewer, image, EVERY, drawn=far)
    with pytest.raises(RegionError, match="outside the image"):
        plan()


def test_one_bad_shape_of_many_is_named(viewer, image):
    drawn = viewer.add_shapes([SQUARE, SQUARE + 500])
    with pytest.raises(RegionError, match=r"Shape 1: .*outside"):
        ask(viewer, image, drawn)


def test_tiny_shape_is_refused_when_read(viewer, image):
    tiny = np.array([[10, 20], [10, 22], [12, 22], [12, 20]])
    (cutout,) = ask(viewer, image, viewer.add_shapes(tiny))
    with pytest.raises(RegionError, match="only 3 x 3 pixels"):
        cutout.read()


def test_selected_shapes_only_in_their_order(viewer, image):
    drawn = viewer.add_shapes([SQUARE, SQUARE + 5, SQUARE + 10])
    drawn.selected_data = {2, 0}
    boxes = [c.box[:2] for c in ask(viewer, image, drawn, SELECTED)]
    assert boxes == [(10, 20), (20, 30)]


def test_plan_does_not_follow_later_changes(viewer, image):
    drawn = viewer.add_shapes(SQUARE)
    plan = plan_regions(viewer, image, EVERY, drawn=drawn)
    drawn.data = [SQUARE + 5]
    drawn.scale = (3, 3)
    viewer.layers.clear()
    (cutout,) = plan()
    assert cutout.box == (10, 20, 30, 40)


def test_whole_layer_and_view(viewer, image):
    (whole,) = ask(viewer, image, None, RegionChoice.WHOLE_LAYER)
    assert whole.box == (0, 0, 60, 80)
    assert whole.read().mask is None
    viewer.canvas.size = (300, 500)
    viewer.scene.camera.zoom = 10
    viewer.scene.camera.center = (0, 29.5, 39.5)
    (view,) = ask(viewer, image, None, RegionChoice.CURRENT_VIEW)
    assert view.box == (15, 15, 45, 65)
    assert view.read().mask is None
    viewer.scene.camera.center = (0, 29.5, 3000)
    with pytest.raises(RegionError, match="outside the image"):
        ask(viewer, image, None, RegionChoice.CURRENT_VIEW)


def test_view_of_a_rotated_image_is_masked(viewer, image):
    image.rotate = 45
    viewer.scene.camera.center = (0, *image.data_to_world((30, 40)))
    viewer.canvas.size = (200, 200)
    viewer.scene.camera.zoom = 10
    (view,) = ask(viewer, image, None, RegionChoice.CURRENT_VIEW)
    assert mask_of(view).sum() == pytest.approx(400, rel=0.1)
    assert not mask_of(view)[0, 0]


@pytest.mark.gui
def test_current_view_is_what_the_canvas_shows(make_napari_viewer):
    viewer = make_napari_viewer()
    image = viewer.add_image(np.random.default_rng(0).random((400, 600)), scale=(2, 2))
    viewer.scene.camera.zoom *= 6
    viewer.window._qt_viewer.canvas.on_draw()
    (view,) = ask(viewer, image, None, RegionChoice.CURRENT_VIEW)
    shown = image.corner_pixels
    np.testing.assert_allclose(np.reshape(view.box, (2, 2)), shown, atol=2)


# ---------------------------------------------------------------- slices and axes


def test_2d_shape_on_a_stack_is_cut_from_the_shown_slice(viewer):
    stack = np.random.default_rng(0).random((6, 60, 80))
    image = viewer.add_image(stack, scale=(5, 1, 1))
    drawn = viewer.add_shapes(SQUARE)
    viewer.dims.set_point(0, 20)
    (cutout,) = ask(viewer, image, drawn)
    assert cutout.placement.plane == (4,)
    assert cutout.index == (4, slice(10, 30), slice(20, 40))


def test_nd_shape_keeps_its_own_slice(viewer):
    image = viewer.add_image(np.random.default_rng(0).random((6, 60, 80)))
    drawn = viewer.add_shapes(np.column_stack([np.full(4, 3), SQUARE]))
    viewer.dims.set_point(0, 1)
    (cutout,) = ask(viewer, image, drawn)
    assert cutout.placement.plane == (3,)


def test_shape_across_slices_is_refused(viewer):
    image = viewer.add_image(np.zeros((6, 60, 80)))
    drawn = viewer.add_shapes(np.column_stack([[0, 0, 4, 4], SQUARE]))
    with pytest.raises(RegionError, match="crosses several slices"):
        ask(viewer, image, drawn)


def test_slider_outside_of_a_shorter_stack_is_refused_at_once(viewer):
    viewer.add_image(np.zeros((20, 60, 80)))
    short = viewer.add_image(np.zeros((3, 60, 80)), name="short")
    viewer.dims.set_point(0, 10)
    with pytest.raises(RegionError, match="“short” has nothing at this slider position"):
        plan_regions(viewer, short, RegionChoice.WHOLE_LAYER)


@pytest.mark.parametrize("order", [(0, 2, 1), (1, 0, 2), (2, 1, 0), (1, 2, 0)])
def test_rows_and_columns_follow_what_is_displayed(viewer, order):
    stack = np.random.default_rng(0).integers(0, 255, (30, 40, 50)).astype(np.uint8)
    image = viewer.add_image(stack)
    viewer.dims.order = order
    viewer.dims.set_point(order[0], 12)
    drawn = viewer.add_shapes(ndim=2)
    # The shapes layer's own two axes are swapped on the canvas, too.
    swapped = [axis for axis in order if axis > 0] == [2, 1]
    vertices = np.array([[5, 3], [5, 22], [16, 22], [16, 3]])
    drawn.add_rectangles(vertices[:, ::-1] if swapped else vertices)
    (cutout,) = ask(viewer, image, drawn)
    shown = stack.transpose(order)[12]
    assert cutout.placement.axes == order[1:]
    assert cutout.box == (5, 3, 17, 23)
    np.testing.assert_allclose(cutout.read().pixels * 255, shown[5:17, 3:23], atol=1)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing")
def test_mixing_affine_is_refused(viewer):
    affine = np.eye(4)
    affine[1, 0] = 0.3  # each slice is shifted: a drifting stack
    image = viewer.add_image(np.zeros((6, 60, 80)), affine=affine, name="drift")
    with pytest.raises(RegionError, match="“drift” mixes displayed and hidden axes"):
        plan_regions(viewer, image, RegionChoice.WHOLE_LAYER)


def test_rotation_within_the_plane_is_no_mixing(viewer):
    turn = np.array([[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]])
    image = viewer.add_image(np.zeros((6, 60, 80)), rotate=turn)
    assert len(plan_regions(viewer, image, RegionChoice.WHOLE_LAYER)()) == 1


# ---------------------------------------------------------------- said at once


def test_what_is_known_at_once_is_said_at_once(viewer, image):
    empty = viewer.add_shapes(name="mine")
    cases = [
        (image, SELECTED, None, RegionError, "draw a region"),
        (image, SELECTED, empty, RegionError, "“mine” is empty"),
        (None, EVERY, empty, SourceError, "Open a micrograph"),
        (empty, EVERY, empty, SourceError, "Open a micrograph"),
        (Image(np.zeros((9, 9)), name="gone"), EVERY, empty, SourceError, "“gone” is no longer"),
        (image, EVERY, Shapes([SQUARE], name="off"), RegionError, "“off” is no longer"),
        (image, RegionChoice.SELECTED_LABEL, empty, RegionError, "labels layer"),
    ]
    for layer, choice, drawn, kind, words in cases:
        with pytest.raises(kind, match=words):
            plan_regions(viewer, layer, choice, drawn=drawn)
    empty.add_rectangles(SQUARE)
    empty.selected_data = set()
    with pytest.raises(RegionError, match="No shape of “mine” is selected"):
        plan_regions(viewer, image, SELECTED, drawn=empty)
    labels = viewer.add_labels(np.zeros((60, 80), int), name="cells")
    with pytest.raises(RegionError, match="“cells” is a labels layer"):
        plan_regions(viewer, image, SELECTED, drawn=labels)


def test_3d_display_is_refused_with_what_to_do(viewer):
    image = viewer.add_image(np.zeros((6, 60, 80)))
    viewer.dims.ndisplay = 3
    with pytest.raises(RegionError, match="Switch the viewer to 2-D display"):
        plan_regions(viewer, image, RegionChoice.WHOLE_LAYER)


def test_errors_are_one_sentence(viewer, image):
    with pytest.raises(MicrographError) as info:
        plan_regions(viewer, image, SELECTED)
    text = str(info.value)
    assert text.endswith(".")
    assert ". " not in text


def test_snapshot_is_quick(viewer, image):
    drawn = viewer.add_shapes([SQUARE + i / 10 for i in range(20)])
    plan_regions(viewer, image, EVERY, drawn=drawn)
    start = time.thread_time()
    for _ in range(10):
        plan_regions(viewer, image, EVERY, drawn=drawn)
    assert (time.thread_time() - start) / 10 < 0.02


# ---------------------------------------------------------------- found again


def test_shape_is_found_again_after_others_were_removed(viewer, image):
    drawn = viewer.add_shapes([SQUARE, SQUARE + 5, SQUARE + 10])
    ids = [c.placement.shape_id for c in ask(viewer, image, drawn)]
    assert [shape_index(drawn, one) for one in ids] == [0, 1, 2]
    drawn.remove([0])
    assert [shape_index(drawn, one) for one in ids] == [None, 0, 1]
    assert shape_index(viewer.add_shapes(SQUARE), ids[0]) is None
    assert shape_index(drawn, None) is None
    assert shape_index(drawn, f"view:{image.unique_id}") is None


def test_many_shapes_are_found_again_with_one_look(viewer, image):
    drawn = viewer.add_shapes([SQUARE + i / 100 for i in range(400)])
    ids = [c.placement.shape_id for c in ask(viewer, image, drawn)]
    start = time.thread_time()
    assert shape_indices(drawn, [*ids, None, "layer:1"]) == [*range(400), None, None]
    assert time.thread_time() - start < 0.05
    drawn.remove([1])
    assert shape_indices(drawn, ids[:4]) == [0, None, 1, 2]


def test_equal_shapes_stay_apart(viewer, image):
    drawn = viewer.add_shapes([SQUARE, SQUARE, SQUARE])
    ids = [c.placement.shape_id for c in ask(viewer, image, drawn)]
    assert shape_indices(drawn, ids) == [0, 1, 2]

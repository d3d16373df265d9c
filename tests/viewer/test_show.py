"""Answers of scripts in a viewer, and what a script means by a viewer or layer."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Shapes
from napari.utils._proxies import PublicOnlyProxy

from napari_micrograph_vlm.errors import RegionError, SourceError
from napari_micrograph_vlm.regions import Cutout
from napari_micrograph_vlm.results import Answer, AttentionMap, Classification, Provenance
from napari_micrograph_vlm.viewer import cutouts_of, overlays, show_answer, show_classification
from napari_micrograph_vlm.viewer.overlays import overlays_of
from napari_micrograph_vlm.viewer.preferences import Preferences
from napari_micrograph_vlm.viewer.region_source import choice_named

PIXELS = np.random.default_rng(0).integers(0, 255, (60, 80)).astype(np.uint8)
SQUARE = np.array([[10, 20], [10, 39], [29, 39], [29, 20]], float)
PROVENANCE = Provenance("model", "r", "cpu", 0.1, "0")


@pytest.fixture(autouse=True)
def default_preferences(monkeypatch):
    """Keep what is set in napari on this machine out of the tests."""
    monkeypatch.setattr(overlays, "read_preferences", Preferences)


@pytest.fixture
def viewer():
    return ViewerModel()


def attention():
    values = np.eye(4, dtype=np.float32)
    return AttentionMap(values / values.sum(), "x")


def answer(*regions, question="What?"):
    maps = tuple(attention() for _ in regions)
    return Answer(question, "It", tuple(regions), maps, (), 0.9, PROVENANCE)


def classification(*regions):
    rows = np.array([[0.9, 0.1]] * len(regions), np.float32)
    maps = tuple(attention() for _ in regions)
    return Classification(("crack", "pore"), rows, regions, maps, PROVENANCE)


def corners(layer):
    low = np.array(layer.data_to_world(np.full(layer.ndim, -0.5)))
    return low, np.array(layer.data_to_world(np.array(layer.data.shape[: layer.ndim]) - 0.5))


def test_region_of_the_viewer_is_shown_on_its_layer(viewer):
    image = viewer.add_image(PIXELS)
    (cutout,) = cutouts_of(viewer)()
    assert show_answer(answer(cutout.read()), viewer) is viewer
    assert viewer.layers[0] is image
    assert len(viewer.layers) == 2


def test_region_of_an_array_becomes_a_layer_at_its_place(viewer):
    region = Cutout.of_array(
        PIXELS, (10, 20, 40, 60), source="a.tif", pixel_size=(2, 3), unit="nm"
    ).read()
    show_answer(answer(region), viewer)
    image, overlay = viewer.layers
    assert image.name == "a.tif [10, 20, 40, 60]"
    assert [str(u) for u in image.units] == ["nanometer", "nanometer"]
    np.testing.assert_allclose(corners(image), [[19, 58.5], [79, 178.5]])
    np.testing.assert_allclose(corners(overlay), corners(image))
    show_answer(answer(region), viewer)
    show_answer(answer(region, question="Why?"), viewer)
    assert len(viewer.layers) == 3  # one image, two questions


def test_regions_of_one_array_keep_their_distance_and_colour_works(viewer):
    colour = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    one = Cutout.of_array(colour, (0, 0, 20, 20)).read()
    two = Cutout.of_array(colour, (30, 40, 50, 70)).read()
    show_answer(answer(one, two), viewer)
    images = [layer for layer in viewer.layers if layer not in overlays_of(viewer)]
    assert all(layer.rgb for layer in images)
    np.testing.assert_allclose(corners(images[1])[0] - corners(images[0])[0], [30, 40])


def test_layer_made_for_an_array_is_used_again_only_while_it_holds_its_pixels(viewer):
    region = Cutout.of_array(PIXELS).read()
    show_answer(answer(region), viewer)
    viewer.layers[0].data = viewer.layers[0].data[::-1].copy()
    show_answer(answer(region), viewer)
    images = [layer for layer in viewer.layers if layer not in overlays_of(viewer)]
    assert len(images) == 2
    np.testing.assert_array_equal(images[1].data, region.pixels)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("named", [True, False])
def test_nothing_takes_the_place_of_a_removed_image(viewer, kept, named):
    image = viewer.add_image(PIXELS, name="sem")
    region = cutouts_of(viewer)()[0].read()
    viewer.layers.remove(image)
    if not kept:
        del image
        gc.collect()
    with pytest.raises(SourceError, match="The image was removed"):
        show_answer(answer(region), viewer if named else None)
    with pytest.raises(SourceError, match="The image was removed"):
        show_classification(classification(region), viewer if named else None)
    assert len(viewer.layers) == 0


def test_answer_is_shown_in_the_viewer_that_holds_its_image(viewer):
    other = ViewerModel()
    viewer.add_image(PIXELS, name="sem")
    region = cutouts_of(viewer)()[0].read()
    with pytest.raises(SourceError, match="“sem” is in another viewer"):
        show_answer(answer(region), other)
    assert len(other.layers) == 0
    assert show_answer(answer(region)) is viewer
    assert len(viewer.layers) == 2


def test_image_with_other_data_is_said_before_anything_is_added(viewer):
    image = viewer.add_image(PIXELS, name="sem")
    region = cutouts_of(viewer)()[0].read()
    of_an_array = Cutout.of_array(PIXELS).read()
    image.data = PIXELS[::-1].copy()
    for show, result in (
        (show_answer, answer(of_an_array, region)),
        (show_classification, classification(of_an_array, region)),
    ):
        with pytest.raises(RegionError, match="“sem” now holds other data"):
            show(result, viewer)
    assert list(viewer.layers) == [image]


def test_proxies_of_plugins_stand_for_what_is_behind_them(viewer):
    image = viewer.add_image(PIXELS)
    drawn = viewer.add_shapes([SQUARE])
    seen = PublicOnlyProxy(viewer)
    for plan in (
        cutouts_of(seen),
        cutouts_of(seen.layers[0]),
        cutouts_of(seen, seen.layers[1]),
    ):
        (cutout,) = plan()
        assert cutout.placement.layer() is image
    assert cutouts_of(seen, seen.layers[1])()[0].placement.shape_id.startswith(
        f"shape:{drawn.unique_id}"
    )
    assert show_answer(answer(cutout.read()), seen) is viewer
    show_classification(classification(cutout.read()), seen)
    assert [layer.name for layer in viewer.layers][1] == "looked at: What?"
    assert drawn.features["vlm_class"].tolist() == ["crack"]


def test_new_overlays_look_as_preferred_and_old_ones_as_the_user_made_them(viewer, monkeypatch):
    chosen = Preferences(colormap="viridis", opacity=0.3)
    monkeypatch.setattr(overlays, "read_preferences", lambda: chosen)
    viewer.add_image(PIXELS)
    region = cutouts_of(viewer)()[0].read()
    show_answer(answer(region), viewer)
    (overlay,) = overlays_of(viewer)
    assert (overlay.colormap.name, overlay.opacity) == ("viridis (fading)", 0.3)
    overlay.opacity = 0.9
    show_answer(answer(region), viewer)
    assert overlay.opacity == 0.9


def test_classes_are_written_beside_the_shapes_that_were_drawn(viewer):
    viewer.add_image(PIXELS)
    drawn = viewer.add_shapes(
        [SQUARE, SQUARE + 5, SQUARE + 10], features={"mine": ["a", "b", "c"]}, text="{mine}"
    )
    drawn.selected_data = {0, 2}
    earlier = cutouts_of(viewer, (0, 0, 30, 30))()[0].read()
    show_answer(answer(earlier), viewer)
    (old,) = overlays_of(viewer)
    regions = [cutout.read() for cutout in cutouts_of(viewer)()]
    show_classification(classification(*regions), viewer)
    assert [layer for layer in viewer.layers if isinstance(layer, Shapes)] == [drawn]
    assert drawn.features["vlm_class"].tolist() == ["crack", "", "crack"]
    assert drawn.text.values.tolist() == ["a", "b", "c"]  # the user's
    shown = [layer for layer in overlays_of(viewer) if layer.visible]
    assert len(overlays_of(viewer)) == 2
    assert len(shown) == 1
    assert not old.visible
    np.testing.assert_allclose(corners(shown[0])[0], [9.5, 19.5])


def test_classes_of_shapes_that_were_moved_become_boxes(viewer):
    viewer.add_image(PIXELS, name="sem")
    drawn = viewer.add_shapes([SQUARE, SQUARE + 5])
    regions = [cutout.read() for cutout in cutouts_of(viewer, drawn)()]
    drawn.data = [SQUARE, SQUARE + 9]
    show_classification(classification(*regions), viewer)
    assert drawn.features["vlm_class"].tolist() == ["crack", ""]
    boxes = viewer.layers["classes: sem"]
    assert boxes.nshapes == 1
    np.testing.assert_allclose(boxes.data[0][0], [14.5, 24.5])


@pytest.mark.gui
def test_closed_or_other_windows_are_left_alone(make_napari_viewer):
    first, second = make_napari_viewer(), make_napari_viewer()
    image = first.add_image(PIXELS, name="sem")
    region = cutouts_of(first)()[0].read()
    assert answer(region).show() is first
    assert len(second.layers) == 0
    first.close()
    with pytest.raises(SourceError, match="The image was removed"):
        answer(region).show()
    with pytest.raises(SourceError, match="The image was removed"):
        answer(region).show(second)
    assert len(second.layers) == 0
    assert image not in second.layers


def test_classes_are_boxes_with_text(viewer):
    viewer.add_image(PIXELS, scale=(2, 2))
    regions = [cutout.read() for cutout in cutouts_of(viewer, [(0, 0, 20, 20), (30, 40, 50, 70)])()]
    show_classification(classification(*regions), viewer)
    (boxes,) = [layer for layer in viewer.layers if isinstance(layer, Shapes)]
    np.testing.assert_allclose(boxes.data[1][0], [29.5, 39.5])
    assert boxes.features["vlm_class"].tolist() == ["crack", "crack"]
    assert boxes.text.values.tolist() == ["crack 0.90", "crack 0.90"]
    np.testing.assert_allclose(boxes.scale, (2, 2))
    third = cutouts_of(viewer.layers[0], (5, 5, 25, 25))()[0].read()
    show_classification(classification(third, regions[0]), viewer)
    assert boxes.nshapes == 3
    assert len([layer for layer in viewer.layers if isinstance(layer, Shapes)]) == 1


def test_classes_of_a_stack_lie_in_their_slice(viewer):
    viewer.add_image(np.stack([PIXELS] * 5))
    viewer.dims.set_point(0, 3)
    show_classification(classification(cutouts_of(viewer)()[0].read()), viewer)
    boxes = next(layer for layer in viewer.layers if isinstance(layer, Shapes))
    assert set(boxes.data[0][:, 0]) == {3}


@pytest.mark.gui
def test_current_viewer_is_the_default(make_napari_viewer):
    viewer = make_napari_viewer()
    region = Cutout.of_array(PIXELS).read()
    assert answer(region).show() is viewer
    assert classification(region).show() is viewer
    layer = viewer.layers[0]
    viewer.dims.ndisplay = 2
    (cutout,) = cutouts_of(layer, "current view")()
    assert cutout.source == "array [0, 0, 60, 80]"


# ---------------------------------------------------------------- sources


def test_viewer_stands_for_its_active_or_topmost_image(viewer):
    first = viewer.add_image(PIXELS, name="first")
    second = viewer.add_image(PIXELS, name="second")
    viewer.layers.selection.active = first
    assert cutouts_of(viewer)()[0].source == "first"
    viewer.layers.selection.active = None
    assert cutouts_of(viewer)()[0].source == "second"
    second.visible = False
    assert cutouts_of(viewer)()[0].source == "first"
    show_answer(answer(cutouts_of(viewer)()[0].read()), viewer)
    viewer.layers.selection.active = overlays_of(viewer)[0]
    assert cutouts_of(viewer)()[0].source == "first"


def test_viewer_gives_selected_shapes_else_the_whole(viewer):
    viewer.add_image(PIXELS)
    drawn = viewer.add_shapes([SQUARE, SQUARE + 10])
    drawn.selected_data = {1}
    assert [c.box for c in cutouts_of(viewer)()] == [(20, 30, 40, 50)]
    assert len(cutouts_of(viewer, "Every shape")()) == 2
    drawn.selected_data = set()
    assert [c.box for c in cutouts_of(viewer)()] == [(0, 0, 60, 80)]


@pytest.mark.parametrize("inside", [True, False])
def test_regions_in_image_coordinates(inside):
    image = Image(PIXELS, scale=(3, 3), rotate=20, name="sem")
    source = image
    if inside:
        source = ViewerModel()
        source.layers.append(image)
    assert cutouts_of(source, (10, 20, 30, 40))()[0].box == (10, 20, 30, 40)
    assert cutouts_of(source, (10, 20, 30, 40))()[0].read().mask is None
    triangle = np.array([[10, 10], [40, 10], [10, 40]])
    (cutout,) = cutouts_of(source, triangle)()
    assert cutout.box == (10, 10, 41, 41)
    assert not cutout.read().mask[-1, -1]
    assert len(cutouts_of(source, [triangle, SQUARE])()) == 2
    assert len(cutouts_of(source, [(0, 0, 9, 9), (5, 5, 20, 20)])()) == 2


def test_layers_in_no_viewer():
    stack = Image(np.stack([PIXELS] * 5), scale=(10, 1, 1))
    (cutout,) = cutouts_of(stack)()
    assert cutout.placement.plane == (2,)
    drawn = Shapes([SQUARE, SQUARE + 10], scale=(2, 2))
    assert [c.box[:2] for c in cutouts_of(stack, drawn)()] == [(20, 40), (40, 60)]
    painted = np.zeros((60, 80), int)
    painted[10:30, 20:40] = 1
    labels = Labels(painted)
    labels.selected_label = 1
    assert cutouts_of(stack, labels)()[0].box == (10, 20, 30, 40)


@pytest.mark.parametrize(
    ("region", "words"),
    [
        ("somewhere", "“somewhere” is no region; take one of “Whole layer”"),
        ((1, 2, 3), "A region is a box"),
        (np.zeros((2, 2)), "at least 3 vertices"),
        ((0, 0, np.nan, 9), "finite"),
        (object(), "A region is a box"),
        ("Every shape", "Add a shapes layer"),
    ],
)
def test_regions_that_make_no_sense(viewer, region, words):
    viewer.add_image(PIXELS)
    with pytest.raises(RegionError, match=words):
        cutouts_of(viewer, region)()


def test_sources_that_are_no_micrograph(viewer):
    with pytest.raises(SourceError, match="holds no image"):
        cutouts_of(viewer)
    with pytest.raises(SourceError, match="“Labels” is no micrograph"):
        cutouts_of(viewer.add_labels(np.zeros((9, 9), int), name="Labels"))


def test_choices_are_found_by_any_of_their_names():
    assert (
        choice_named("CURRENT_VIEW") is choice_named("current view") is choice_named("Current view")
    )

"""Classes on shapes; the user's own features and text stay the user's."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from napari.layers import Shapes

from napari_micrograph_vlm.errors import RegionError
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import AttentionMap, Classification, Provenance
from napari_micrograph_vlm.viewer.features import (
    COLUMNS,
    CORRECTED,
    corrections,
    has_user_text,
    label_columns,
    labels_in,
    restore_text,
    write_classification,
    write_labels,
)

SQUARE = np.array([[10, 20], [10, 49], [39, 49], [39, 20]], float)


def classes(*rows, threshold=0.0, labels=("crack", "pore")):
    n = len(rows)
    region = Region(np.zeros((10, 10), np.float32), (0, 0, 10, 10))
    attention = AttentionMap(np.full((2, 2), 0.25, np.float32), "x")
    return Classification(
        labels,
        np.array(rows, np.float32),
        (region,) * n,
        (attention,) * n,
        Provenance("model", "r", "cpu", 0.1, "0", asked="2024-01-01"),
        threshold,
    )


def shapes(n=3, **options):
    return Shapes([SQUARE + 10 * i for i in range(n)], **options)


def text_of(layer):
    values = layer.text.values
    return np.broadcast_to(values, layer.nshapes).tolist()


def test_only_the_given_shapes_are_written():
    layer = shapes(features={"mine": [1, 2, 3]})
    write_classification(layer, [2, 0], classes([0.9, 0.1], [0.2, 0.8]), replace_text=True)
    table = layer.features
    assert table["vlm_class"].tolist() == ["pore", "", "crack"]
    np.testing.assert_allclose(table["vlm_probability"], [0.8, np.nan, 0.9], rtol=1e-6)
    assert table["vlm_model"].tolist() == ["model", "", "model"]
    assert table["mine"].tolist() == [1, 2, 3]
    assert text_of(layer) == ["pore 0.80", "", "crack 0.90"]


def test_written_again_only_what_is_new_changes_and_types_stay():
    layer = shapes()
    write_classification(layer, [0, 1], classes([0.9, 0.1], [0.6, 0.4]), replace_text=True)
    kinds = layer.features.dtypes
    write_classification(layer, [1], classes([0.1, 0.9]), replace_text=True)
    assert layer.features["vlm_class"].tolist() == ["crack", "pore", ""]
    pd.testing.assert_series_equal(layer.features.dtypes, kinds)
    assert kinds["vlm_probability"] == np.float64


def test_below_the_threshold_is_unknown():
    layer = shapes(1)
    write_classification(layer, [0], classes([0.6, 0.4], threshold=0.7), replace_text=True)
    assert layer.features["vlm_class"].tolist() == ["unknown"]
    assert text_of(layer) == ["unknown 0.60"]


def test_class_names_with_braces_are_plain_text():
    layer = shapes(1)
    write_classification(
        layer, [0], classes([0.9, 0.1], labels=("{111} facet", "b")), replace_text=True
    )
    assert text_of(layer) == ["{111} facet 0.90"]


@pytest.mark.parametrize("select", [False, True])
def test_new_shape_does_not_inherit(select):
    layer = shapes(2, features={"mine": [1, 2]}, feature_defaults={"mine": 7})
    write_classification(layer, [0, 1], classes([0.9, 0.1], [0.9, 0.1]), replace_text=True)
    if select:
        layer.selected_data = {1}
    layer.add_rectangles(SQUARE)
    row = layer.features.iloc[2]
    assert row["vlm_class"] == row["vlm_model"] == ""
    assert np.isnan(row["vlm_probability"])
    assert row["mine"] == 7
    assert text_of(layer)[2] == ""


def test_shapes_added_and_removed_between():
    layer = shapes()
    write_classification(layer, [1], classes([0.9, 0.1]), replace_text=True)
    layer.remove([0])
    layer.add_rectangles(SQUARE + 50)
    assert layer.features["vlm_class"].tolist() == ["crack", "", ""]
    write_classification(layer, [2], classes([0.1, 0.9]), replace_text=True)
    assert layer.features["vlm_class"].tolist() == ["crack", "", "pore"]
    assert text_of(layer) == ["crack 0.90", "", "pore 0.90"]


def test_removed_shape_or_other_number_is_said():
    layer = shapes(1)
    with pytest.raises(RegionError, match="removed"):
        write_classification(layer, [1], classes([0.9, 0.1]), replace_text=True)
    with pytest.raises(RegionError, match="1 classes for 2 shapes"):
        write_classification(layer, [0, 0], classes([0.9, 0.1]), replace_text=True)
    assert not set(COLUMNS) & set(layer.features)


USER_TEXTS = [
    "{mine} µm",
    "mine",
    ["a", "b", "c"],
    {"string": "{mine:.1f}", "size": 20, "color": "red", "anchor": "center", "translation": [3, 4]},
    {"string": {"constant": "fixed"}, "visible": False, "rotation": 30},
    {"string": "mine", "color": {"feature": "mine", "colormap": "viridis"}},
]


@pytest.mark.parametrize("text", USER_TEXTS)
def test_user_text_is_kept_unless_replaced_and_restored_exactly(text):
    layer = shapes(features={"mine": [1.0, 2.0, 3.0]}, text=text)
    assert has_user_text(layer)
    state, shown = layer.text.model_dump(), text_of(layer)
    write_classification(layer, [0], classes([0.9, 0.1]), replace_text=False)
    assert text_of(layer) == shown
    for _ in range(2):  # twice: ours must not be kept as the user's
        write_classification(layer, [0], classes([0.9, 0.1]), replace_text=True)
        assert text_of(layer) == ["crack 0.90", "", ""]
        assert not has_user_text(layer)
    restore_text(layer)
    assert has_user_text(layer)
    assert text_of(layer) == shown
    np.testing.assert_equal(layer.text.model_dump(), state)
    assert layer.metadata == {}


def test_classes_are_drawn_within_their_region_and_not_on_a_light_canvas(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.theme = "light"
    viewer.add_image(np.full((90, 120), 60, np.uint8), contrast_limits=(0, 255))
    whole = np.array([[0, 0], [0, 119], [89, 119], [89, 0]], float)
    layer = viewer.add_shapes([whole], face_color="transparent", edge_width=0)
    before = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    write_classification(layer, [0], classes([0.9, 0.1]), replace_text=True)
    after = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    written = np.abs(after - before).max(axis=-1) > 30
    canvas = before.min(axis=-1) > 200
    assert canvas.any()
    assert written.sum() > 100
    assert not (written & canvas).any()


def test_layer_without_text_gets_ours_and_loses_it_again():
    layer = shapes()
    assert not has_user_text(layer)
    write_classification(layer, [0], classes([0.9, 0.1]), replace_text=False)
    assert text_of(layer) == ["crack 0.90", "", ""]
    restore_text(layer)
    assert set(text_of(layer)) == {""}
    assert not has_user_text(layer)
    restore_text(layer)


def test_text_set_by_the_user_meanwhile_is_not_overwritten_by_restoring():
    layer = shapes(text=["a", "b", "c"])
    write_classification(layer, [0], classes([0.9, 0.1]), replace_text=True)
    layer.text = {"string": {"constant": "newer"}}
    assert has_user_text(layer)
    restore_text(layer)
    assert set(text_of(layer)) == {"newer"}


def test_hundreds_of_shapes_are_written_without_a_stall():
    layer = shapes(400)
    rows = classes(*[[0.9, 0.1]] * 400)
    write_classification(layer, range(400), rows, replace_text=True)
    start = time.thread_time()
    write_classification(layer, range(400), rows, replace_text=True)
    assert time.thread_time() - start < 0.1


def test_rows_of_any_index_are_written_by_place():
    kinds = pd.DataFrame({"mine": pd.Categorical(["x", "y"])}, index=[5, 9])
    layer = shapes(2, features=kinds)
    write_classification(layer, [1], classes([0.9, 0.1]), replace_text=True)
    assert layer.features["vlm_class"].tolist() == ["", "crack"]
    assert layer.features["mine"].tolist() == ["x", "y"]


def test_a_persons_class_is_drawn_and_outlives_the_next_run():
    layer = shapes()
    write_classification(layer, [0, 1], classes([0.9, 0.1], [0.9, 0.1]), replace_text=True)
    write_labels(layer, {1: "pore"})
    assert text_of(layer) == ["crack 0.90", "pore", ""]
    write_classification(layer, [0, 1], classes([0.8, 0.2], [0.7, 0.3]), replace_text=True)
    assert corrections(layer) == {1: "pore"}
    assert layer.features["vlm_class"].tolist() == ["crack", "crack", ""]
    assert text_of(layer) == ["crack 0.80", "pore", ""]
    write_labels(layer, {1: ""})
    assert corrections(layer) == {}
    assert text_of(layer) == ["crack 0.80", "crack 0.70", ""]
    layer.add_rectangles(SQUARE)
    assert layer.features[CORRECTED].iloc[-1] == ""


def test_a_class_is_written_to_any_feature_and_read_from_it():
    layer = shapes(features={"judged": [1, 2, 2], "size": [0.5, 1.5, np.nan]})
    assert label_columns(layer) == ["judged"]
    assert labels_in(layer, "judged") == {0: "1", 1: "2", 2: "2"}
    write_labels(layer, {1: "crack"}, "judged")
    assert labels_in(layer, "judged") == {0: "1", 1: "crack", 2: "2"}
    write_labels(layer, {0: "pore", 2: " "}, "class")
    assert labels_in(layer, "class") == {0: "pore"}
    assert layer.features["size"].tolist()[:2] == [0.5, 1.5]
    assert labels_in(layer, "nowhere") == {}
    with pytest.raises(RegionError, match="removed"):
        write_labels(layer, {3: "pore"}, "class")


def test_missing_cells_are_no_class():
    column = pd.Categorical(["crack", None, "pore"])
    layer = shapes(features=pd.DataFrame({"class": column, "other": [None, np.nan, "x"]}))
    assert labels_in(layer, "class") == {0: "crack", 2: "pore"}
    assert labels_in(layer, "other") == {2: "x"}
    write_labels(layer, {1: "new"}, "class")
    assert labels_in(layer, "class") == {0: "crack", 1: "new", 2: "pore"}

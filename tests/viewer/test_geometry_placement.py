"""Overlays lie on their regions and shapes find their pixels, whatever the transforms."""

from __future__ import annotations

import numpy as np
import pint
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Image, Shapes

from napari_micrograph_vlm.regions import Placement
from napari_micrograph_vlm.viewer.geometry import RegionChoice, overlay_kwargs, plan_regions
from napari_micrograph_vlm.viewer.region_view import ViewState
from napari_micrograph_vlm.viewer.transforms import PlaneTransform

FEW = settings(max_examples=30, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
UNITS = st.sampled_from(["nm", "um", "pixel"])
NUMBER = st.floats(0.05, 20)
SHIFT = st.floats(-1e3, 1e3)


@st.composite
def transforms(draw, units=UNITS, hidden=0):
    """Keyword arguments of a layer; with ``hidden`` leading axes, these are not mixed in."""
    ndim = 2 + hidden
    sign = st.sampled_from([1, -1])
    scale = [draw(NUMBER) * draw(sign) for _ in range(ndim)]
    angle = np.radians(draw(st.floats(-180, 180)))
    rotate, affine = np.eye(ndim), np.eye(ndim + 1)
    rotate[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    shear = np.eye(ndim)
    shear[-2, -1] = draw(st.floats(-1, 1))
    affine[-3:-1, -3:-1] = np.eye(2) + np.array(
        [[draw(st.floats(-0.4, 0.4)) for _ in range(2)] for _ in range(2)]
    )
    affine[:-1, -1] = [draw(SHIFT) for _ in range(ndim)]
    unit = draw(units)
    return {
        "scale": scale,
        "rotate": rotate,
        "shear": shear,
        "affine": affine,
        "translate": [draw(SHIFT) for _ in range(ndim)],
        "units": ("pixel",) * hidden + (unit, unit),
    }


def corners(low, high):
    return np.array([[low[0], low[1]], [low[0], high[1]], [high[0], high[1]], [high[0], low[1]]])


def world(layer, points):
    return np.array([layer.data_to_world(p) for p in points])


def embed(points, axes, plane, ndim):
    full = np.zeros((len(points), ndim))
    hidden = [axis for axis in range(ndim) if axis not in axes]
    full[:, hidden] = plane
    full[:, list(axes)] = points
    return full


@FEW
@given(
    place=st.integers(0, 2).flatmap(lambda hidden: transforms(hidden=hidden)),
    data=st.data(),
)
def test_overlay_covers_exactly_the_box(place, data):
    ndim = len(place["scale"])
    axes = tuple(data.draw(st.permutations(range(ndim)))[:2])
    plane = tuple(data.draw(st.integers(0, 4)) for _ in range(ndim - 2))
    image = Image(np.zeros((5,) * ndim, np.uint8), **place)
    y0, x0 = data.draw(st.tuples(st.integers(0, 3000), st.integers(0, 3000)))
    box = (y0, x0, y0 + data.draw(st.integers(8, 4000)), x0 + data.draw(st.integers(8, 4000)))
    grid = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    placement = Placement(axes, plane, np.zeros((4, 2)))
    shape = [1] * ndim
    shape[axes[0]], shape[axes[1]] = grid
    overlay = Image(np.zeros(shape, np.float32), **overlay_kwargs(image, placement, box, grid))

    wanted = embed(corners(np.array(box[:2]) - 0.5, np.array(box[2:]) - 0.5), axes, plane, ndim)
    got = embed(corners((-0.5, -0.5), np.array(grid) - 0.5), axes, (0,) * (ndim - 2), ndim)
    back = np.array([image.world_to_data(p) for p in world(overlay, got)])
    np.testing.assert_allclose(back, wanted, atol=1e-6)
    assert overlay.units == image.units
    assert overlay.axis_labels == image.axis_labels


@FEW
@given(
    unit=st.sampled_from(["length", "pixel"]),
    hidden=st.integers(0, 1),
    drawn_hidden=st.integers(0, 1),
    data=st.data(),
)
def test_shape_of_another_layer_gives_the_right_box(unit, hidden, drawn_hidden, data):
    units = st.sampled_from(["nm", "um"]) if unit == "length" else st.just("pixel")
    place = data.draw(transforms(units, hidden))
    other = data.draw(transforms(units, drawn_hidden))
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((5, 90, 110)[-2 - hidden :], np.uint8), **place)
    y0, x0 = data.draw(st.tuples(st.integers(0, 60), st.integers(0, 80)))
    box = np.array([y0, x0, y0 + data.draw(st.integers(8, 29)), x0 + data.draw(st.integers(8, 29))])
    # Kept a little inside the pixels' edges: napari rounds vertices to float32.
    outline = corners(box[:2] - 0.5 + 0.1, box[2:] - 0.5 - 0.1)
    plane = data.draw(st.integers(0, 4))

    drawn = Shapes(ndim=2 + drawn_hidden, **other)
    viewer.layers.append(drawn)
    view = ViewState.of(viewer)
    on_image, on_drawn = PlaneTransform.of(image, view), PlaneTransform.of(drawn, view)
    vertices = on_drawn.from_canvas(on_image.to_canvas(outline))
    if drawn_hidden:
        at = on_image.hidden_to_world(np.array([[plane]])) if hidden else np.zeros((1, 1))
        own = (at - on_drawn.hidden_offset) / on_drawn.hidden_matrix
        vertices = np.column_stack([np.full(4, own.item()), vertices])
    elif hidden:
        viewer.dims.set_point(0, on_image.hidden_to_world(np.array([[plane]])).item())
        plane = round(image.world_to_data(viewer.dims.point)[0])
    # Far from the origin float32 cannot hold the vertices; that is napari's limit, not ours.
    lost = np.abs(vertices - vertices.astype(np.float32)).max()
    assume(lost * np.linalg.norm(np.linalg.solve(on_image.matrix, on_drawn.matrix), 2) < 0.05)
    drawn.add_polygons(vertices)
    drawn.selected_data = {0}
    (cutout,) = plan_regions(viewer, image, RegionChoice.SELECTED_SHAPES, drawn=drawn)()
    assert cutout.box == tuple(box)
    assert cutout.placement.plane == ((plane,) if hidden else ())
    np.testing.assert_allclose(cutout.placement.outline, outline, atol=0.06)


def test_world_coordinates_agree_with_napari():
    viewer = ViewerModel()
    image = viewer.add_image(
        np.zeros((4, 20, 30)),
        scale=(3, 0.2, 0.5),
        translate=(1, 2, 3),
        rotate=np.array([[1, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]]),
        units=("s", "um", "nm"),
    )
    transform = PlaneTransform.of(image, ViewState.of(viewer))
    assert viewer.layers.units is not None
    reg = pint.get_application_registry()
    assert viewer.layers.units[1:] == (reg.nm, reg.nm)
    here = np.array([2.0, 5.0, 7.0])
    wanted = np.array(image.data_to_world(here)) * [1, 1000, 1]
    np.testing.assert_allclose(transform.to_canvas(here[None, 1:])[0], wanted[1:])
    np.testing.assert_allclose(transform.hidden_to_world(here[None, :1])[0], wanted[:1])
    np.testing.assert_allclose(transform.from_canvas(wanted[None, 1:])[0], here[1:])
    assert transform.planes_at(wanted[None]).tolist() == [[2]]


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
def test_displayed_axes_are_those_of_napari(order):
    viewer = ViewerModel()
    layers = [viewer.add_image(np.zeros((4, 5, 6)[-n:])) for n in (3, 2)]
    viewer.dims.order = order
    for layer in layers:
        shown = ViewState.of(viewer).displayed_axes(layer.ndim)
        assert list(shown) == layer._slice_input.displayed

"""Information bars of layers: left out of regions, read, and used for the pixel size."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
import tifffile
from ask_panel import AskPanel
from napari.components import ViewerModel

from barred import BAR, SCALE_BAR, barred
from fakes import FakeModel
from napari_micrograph_vlm.errors import RegionError, SourceError
from napari_micrograph_vlm.models.views import prepare_views
from napari_micrograph_vlm.viewer import bar_areas
from napari_micrograph_vlm.viewer.bar_areas import include_bar
from napari_micrograph_vlm.viewer.geometry import RegionChoice, overlay_kwargs, plan_regions
from napari_micrograph_vlm.viewer.layer_scale import (
    can_undo,
    has_scale,
    set_pixel_size,
    undo_scale,
)
from napari_micrograph_vlm.viewer.layer_sources import LookAt, plan_source
from napari_micrograph_vlm.viewer.region_picture import picture_of

HEIGHT, WIDTH = 160, 240
TOP = HEIGHT - BAR


@pytest.fixture
def viewer():
    return ViewerModel()


def whole(viewer, image, **options):
    (cutout,) = plan_regions(viewer, image, RegionChoice.WHOLE_LAYER, **options)()
    return cutout


@pytest.mark.parametrize("kind", ["grey", "rgb", "lazy", "pyramid", "stack", "rotated"])
def test_the_bar_is_left_out_whatever_the_image_is(viewer, kind):
    pixels = barred((HEIGHT, WIDTH))
    options = {}
    if kind == "rgb":
        pixels = np.stack([pixels] * 3, axis=-1)
    elif kind == "lazy":
        pixels = da.from_array(pixels, chunks=40)
    elif kind == "pyramid":
        pixels, options = [pixels, pixels[::2, ::2]], {"multiscale": True}
    elif kind == "stack":
        pixels = np.stack([pixels[:, ::-1], pixels])
        viewer.dims.set_point(0, 1)
    elif kind == "rotated":
        options = {"rotate": 30, "scale": (2, 2), "translate": (5, -3)}
    image = viewer.add_image(pixels, **options)
    cutout = whole(viewer, image, longest=100)
    assert cutout.box == (0, 0, TOP, WIDTH)
    assert cutout.left_out == (TOP, 0, HEIGHT, WIDTH)
    assert cutout.read().box == cutout.box
    assert whole(viewer, image, include_bar=True).box == (0, 0, HEIGHT, WIDTH)


def test_a_transposed_view_loses_columns_instead_of_rows(viewer):
    image = viewer.add_image(barred((HEIGHT, WIDTH)))
    viewer.dims.order = (1, 0)
    region = whole(viewer, image).read()
    assert region.box == (0, 0, WIDTH, TOP)
    assert region.left_out == (0, TOP, WIDTH, HEIGHT)
    np.testing.assert_allclose(region.pixels * 255, image.data[:TOP].T, atol=0.6)


def test_a_cut_through_the_slices_is_left_alone(viewer):
    image = viewer.add_image(np.stack([barred((HEIGHT, WIDTH))] * 60))
    viewer.dims.order = (2, 0, 1)
    assert whole(viewer, image).box == (0, 0, 60, HEIGHT)


def test_a_drawn_region_ends_at_the_bar_and_its_map_covers_what_was_seen(viewer):
    image = viewer.add_image(barred((HEIGHT, WIDTH)), scale=(2, 2), rotate=20)
    box = np.array([[100, 30], [100, 90], [150, 90], [150, 30]], float) - 0.5
    shapes = viewer.add_shapes([box], scale=(2, 2), rotate=20)
    (cutout,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=shapes)()
    assert cutout.box == (100, 30, TOP, 90)
    place = overlay_kwargs(image, cutout.placement, cutout.box, (4, 4))
    map_ = viewer.add_image(np.zeros((4, 4)), **place)
    np.testing.assert_allclose(
        map_.data_to_world((3.5, 3.5)), image.data_to_world((TOP - 0.5, 89.5))
    )


def test_a_region_inside_the_bar_is_refused_until_the_bar_is_included(viewer):
    image = viewer.add_image(barred((HEIGHT, WIDTH)))
    box = np.array([[TOP + 2, 30], [TOP + 2, 90], [TOP + 20, 90], [TOP + 20, 30]], float)
    shapes = viewer.add_shapes([box])
    plan = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=shapes)
    with pytest.raises(RegionError, match="inside the information bar"):
        plan()
    include_bar(image, True)
    (cutout,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=shapes)()
    assert cutout.left_out is None


def test_an_image_changed_in_place_is_looked_at_anew(viewer):
    image = viewer.add_image(barred((HEIGHT, WIDTH)))
    assert whole(viewer, image).left_out is not None
    image.data[:] = np.random.default_rng(1).integers(0, 255, image.data.shape, np.uint8)
    assert whole(viewer, image).left_out is None


def test_a_run_through_slices_looks_for_no_bar_to_list_them(viewer, monkeypatch):
    looked = []
    find = bar_areas.find_area
    monkeypatch.setattr(bar_areas, "find_area", lambda plane: looked.append(plane) or find(plane))
    image = viewer.add_image(np.stack([barred((HEIGHT, WIDTH), seed) for seed in range(4)]))
    source = plan_source(viewer, image, LookAt.SLICES)()
    items = list(source.items())
    assert not looked
    assert [source.read(item).box for item in items[1:3]] == [(0, 0, TOP, WIDTH)] * 2
    assert len(looked) == 2


def test_nothing_is_read_for_a_region_that_no_bar_can_reach(viewer, monkeypatch):
    monkeypatch.setattr(bar_areas, "find_area", lambda plane: pytest.fail("looked for a bar"))
    image = viewer.add_image(barred((HEIGHT, WIDTH)))
    shapes = viewer.add_shapes([np.array([[60, 10], [60, 60], [90, 60], [90, 10]], float)])
    (cutout,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=shapes)()
    assert cutout.left_out is None


def test_the_thumbnail_says_where_the_strip_was_left_out(viewer):
    image = viewer.add_image(barred((HEIGHT, WIDTH)))
    region = whole(viewer, image).read()
    shown = picture_of((region,), [prepare_views(region, side=96, token=8)], 1)
    assert shown.shape == (HEIGHT, WIDTH)
    assert shown.bands == (pytest.approx((TOP / HEIGHT, 0, 1, 1)),)
    assert shown.tiles[0][1] == pytest.approx((0, 0, TOP / HEIGHT, 1))
    assert "without the information bar" in shown.size
    two = picture_of((region, region), [prepare_views(region, side=96, token=8)] * 2, 2)
    assert len(two.bands) == len(two.tiles) == 2


@pytest.mark.parametrize("options", [{}, {"rotate": 30, "translate": (7, 9), "scale": (2, 2)}])
def test_what_lies_on_an_image_stays_on_it_when_it_gets_a_pixel_size(viewer, options):
    image = viewer.add_image(barred((HEIGHT, WIDTH)), **options)
    copy = viewer.add_image(image.data / 2, **options)
    other = viewer.add_image(np.zeros((30, 30)), translate=(1000, 0))
    shapes = viewer.add_shapes([np.array([[10, 10], [10, 60], [40, 60], [40, 10]], float)])
    points = viewer.add_points([[50, 60]], affine=[[1, 0, 3], [0, 1, -4], [0, 0, 1]])
    layers = (shapes, points, copy)
    before = [image.world_to_data(one.data_to_world((20, 30))) for one in layers]
    (cutout,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=shapes)()
    assert set_pixel_size(viewer, image, 0.54, error=0.03) == 3
    after = [image.world_to_data(one.data_to_world((20, 30))) for one in layers]
    np.testing.assert_allclose(before, after, atol=1e-9)
    (now,) = plan_regions(viewer, image, RegionChoice.EVERY_SHAPE, drawn=shapes)()
    assert now.box == cutout.box
    assert now.pixel_size == pytest.approx((0.54, 0.54))
    assert (now.unit, now.scale_from, now.scale_error) == ("nm", "the scale bar", 0.03)
    assert not has_scale(other)
    assert can_undo(image)


def test_a_pixel_size_can_be_taken_away_again(viewer):
    image = viewer.add_image(barred((HEIGHT, WIDTH)), translate=(3, 4), metadata={"mine": 1})
    shapes = viewer.add_shapes([np.array([[10, 10], [10, 60], [40, 60], [40, 10]], float)])
    zoom = viewer.scene.camera.zoom
    set_pixel_size(viewer, image, 250.0)
    assert str(image.units[0]) == "micrometer" or str(image.units[0]) == "nanometer"
    later = viewer.add_points([image.data_to_world((70, 80))])
    undo_scale(viewer, image)
    assert not has_scale(image)
    assert not can_undo(image)
    np.testing.assert_array_equal(image.translate, (3, 4))
    np.testing.assert_array_equal(shapes.scale, (1, 1))
    np.testing.assert_allclose(image.world_to_data(later.data_to_world(later.data[0])), (70, 80))
    assert image.metadata == {"mine": 1}
    assert viewer.scene.camera.zoom == pytest.approx(zoom)


def test_a_pixel_size_that_is_none_is_refused(viewer):
    image = viewer.add_image(barred((HEIGHT, WIDTH)))
    with pytest.raises(SourceError, match="above 0"):
        set_pixel_size(viewer, image, float("nan"))


def test_the_panel_leaves_out_the_bar_and_proposes_the_pixel_size(make_napari_viewer, qtbot):
    panel = AskPanel(make_napari_viewer(), qtbot, FakeModel())
    viewer, thumbnail = panel.viewer, panel.view.thumbnail
    viewer.layers.clear()
    image = viewer.add_image(barred((HEIGHT, WIDTH)), name="barred")
    row = thumbnail.scale_row
    panel.until(lambda: bool(thumbnail.picture.bands) and row.proposal is not None)
    assert thumbnail.include_bar.isVisibleTo(thumbnail)
    panel.ask()
    assert panel.handler.shown.answer.regions[0].box == (0, 0, TOP, WIDTH)

    assert row.proposal.pixels == pytest.approx(SCALE_BAR, abs=1.5)
    row.length.setValue(100)
    panel.click(row.use)
    assert image.scale[0] == pytest.approx(100 / SCALE_BAR, rel=0.05)
    assert str(image.units[0]) == "nanometer"
    panel.until(lambda: row.undo.isVisibleTo(row))
    assert "from the scale bar" in row.result.text()
    panel.click(row.undo)
    panel.until(lambda: row.use.isVisibleTo(row))
    assert not has_scale(image)

    thumbnail.include_bar.click()
    panel.until(lambda: not thumbnail.picture.bands and "× 160" in thumbnail.size_label.text())


def test_the_pixel_size_is_read_from_the_file_that_napari_opened(
    make_napari_viewer, qtbot, tmp_path
):
    scan = "[Beam]\r\nHV=15000\r\n[Scan]\r\nPixelWidth=1.5e-09\r\nPixelHeight=1.5e-09\r\n"
    pixels = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", pixels, extratags=[(34682, "s", 0, scan, True)])
    tifffile.imwrite(tmp_path / "none.tif", pixels)
    panel = AskPanel(make_napari_viewer(), qtbot, FakeModel())
    viewer, row = panel.viewer, panel.view.thumbnail.scale_row

    def offered():
        return row.isVisibleTo(panel.view) and row.file.isVisibleTo(row)

    viewer.layers.clear()
    (image,) = viewer.open(str(tmp_path / "a.tif"), plugin="napari")
    panel.until(offered)
    panel.click(row.file)
    panel.until(lambda: has_scale(image) and row.undo.isVisibleTo(row))
    assert "1.5 nm per pixel, from the file" in row.result.text()
    assert image.scale[0] == pytest.approx(1.5)
    assert image.metadata["instrument"]["voltage_kv"] == 15.0
    panel.click(row.undo)
    panel.until(offered)
    assert "instrument" not in image.metadata

    viewer.layers.clear()
    viewer.open(str(tmp_path / "none.tif"), plugin="napari")
    panel.until(offered)
    panel.click(row.file)
    panel.until(lambda: "none.tif does not say" in row.result.text())
    assert not row.file.isVisibleTo(row)

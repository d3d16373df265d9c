"""The demo, with and without a window."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.readers import samples
from napari_micrograph_vlm.viewer import demo


def test_regions_lie_on_the_micrograph_and_on_the_defect():
    gold, wafer = demo.scenes()
    assert gold.box[2] <= 690  # above the information bar
    labels = wafer.layers[1][0]
    y0, x0, y1, x1 = wafer.box
    inside = np.zeros(labels.shape, bool)
    inside[y0:y1, x0:x1] = True
    assert inside[labels == labels.max()].all()


def test_without_the_sample_it_says_so_and_goes_on(monkeypatch, capsys):
    def missing():
        raise SourceError("Install the extra samples.")

    monkeypatch.setattr(samples, "nanoporous_gold", missing)
    assert [scene.name for scene in demo.scenes()] == ["synthetic-wafer"]
    assert capsys.readouterr().out == "Install the extra samples.\n"


@pytest.mark.parametrize("how", ["asked for", "no display"])
def test_headless_prints_answers_and_truth_and_saves_overlays(
    run, model, tmp_path, monkeypatch, how
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "has_display", lambda: how == "asked for")
    code, out, _ = run("demo", *(["--headless"] if how == "asked for" else []))
    assert code == 0
    assert out.count("A: a bridge") == 4
    assert out.count("known:") == 2
    assert "porous sponge" in out
    assert len(list(tmp_path.glob("demo-*.png"))) == 4


def test_headless_into_a_missing_folder_is_said(run, model, tmp_path):
    code, _, err = run("demo", "--headless", "--screenshot", tmp_path / "none" / "a.png")
    assert code == 2
    assert "no folder" in err


@pytest.mark.parametrize(
    ("variables", "there"),
    [({}, False), ({"DISPLAY": ":0"}, True), ({"WAYLAND_DISPLAY": "wayland-0"}, True)],
)
def test_has_display_on_linux(monkeypatch, variables, there):
    monkeypatch.setattr(demo.platform, "system", lambda: "Linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert demo.has_display() is there


@pytest.mark.gui
def test_the_window_asks_shows_and_is_pictured(model, tmp_path, monkeypatch, capsys, qapp):
    from napari_micrograph_vlm.viewer import models

    monkeypatch.setattr(models.MODELS, "_load", lambda name, device: model)
    monkeypatch.setattr(models.MODELS, "_models", {})
    monkeypatch.setattr(demo, "_SETTLE", 0.1)
    picture = tmp_path / "window.png"
    demo.open_demo(picture)
    out = capsys.readouterr().out
    assert out.count("A: a bridge") == 4
    assert out.count("class:") == 1
    assert [q.text for q in model.asked][:1] == ["What kind of sample is this?"]
    height, width = np.asarray(Image.open(picture)).shape[:2]
    assert height > 400
    assert width > 600


@pytest.mark.gui
def test_a_model_that_cannot_answer_ends_the_demo(model, tmp_path, monkeypatch, qapp):
    from napari_micrograph_vlm.errors import ModelError
    from napari_micrograph_vlm.viewer import models

    monkeypatch.setattr(models.MODELS, "_load", lambda name, device: model)
    monkeypatch.setattr(models.MODELS, "_models", {})
    monkeypatch.setattr(demo, "_SETTLE", 0.1)
    model.error = ModelError("The weights are broken.")
    with pytest.raises(ModelError, match="weights are broken"):
        demo.open_demo(tmp_path / "window.png")
    assert not (tmp_path / "window.png").exists()

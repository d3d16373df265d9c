"""What makes two calls one training: data, start and settings; what differs is named."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from tiny_training import RECIPE, labelled_folder

from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.training.gathering import gather
from napari_micrograph_vlm.training.progress import Lines
from napari_micrograph_vlm.training.run import ABOUT, run


@pytest.fixture
def go_on(trained, tmp_path):
    """Call the same training once more with another recipe or other data."""
    folder, _ = trained
    pictures = gather(RECIPE, folder / "cache", told=Lines(lambda _: None))
    shutil.copytree(folder / "cache" / "run", tmp_path / "cache" / "run")

    def call(recipe=RECIPE, **given):
        lines = []
        run(recipe, output=tmp_path / "weights", cache=tmp_path / "cache", device="cpu",
            pictures=pictures, say=lines.append, **given)  # fmt: skip
        return lines

    call.about = tmp_path / "cache" / "run" / ABOUT
    return call


def test_other_settings_call_for_another_name(go_on):
    said = r"begun with learning_rate 0\.001 \(now 0\.002\), seed 0 \(now 4\); give the same"
    with pytest.raises(SourceError, match=said):
        go_on(replace(RECIPE, learning_rate=0.002, seed=4))
    with pytest.raises(SourceError, match=r"first_seed 1 \(now 2\)"):
        go_on(replace(RECIPE, first_seed=2))
    with pytest.raises(SourceError, match=r"images 24 \(now 5\)"):
        go_on(replace(RECIPE, images=5))


def test_the_length_and_the_number_of_pictures_may_grow(go_on):
    longer = replace(RECIPE, steps=4, minutes=9.0, processes=2, images=25)
    assert "going on from step 3" in go_on(longer)
    with pytest.raises(SourceError, match="is finished and its pictures have changed since"):
        go_on(replace(longer, images=26))


def test_folders_of_one_name_are_not_one_folder(go_on, tmp_path):
    one, other = (labelled_folder(tmp_path / name / "images", 1) for name in ("a", "b"))
    about = json.loads(go_on.about.read_text())
    go_on.about.write_text(json.dumps(about | {"folders": [str(one)]}))
    assert "going on from step 3" in go_on(data=[one])
    with pytest.raises(SourceError, match=r"begun with --data .*images \(now .*images\)"):
        go_on(data=[other])


def test_states_of_older_versions_go_on(go_on, tmp_path):
    folder = labelled_folder(tmp_path / "images", 1)
    about = json.loads(go_on.about.read_text())
    old = {k: v for k, v in about.items() if k not in ("recipe", "images")}
    go_on.about.write_text(json.dumps(old | {"folders": ["images"]}))
    assert "going on from step 3" in go_on(replace(RECIPE, images=5, clip=2.0), data=[folder])
    assert json.loads(go_on.about.read_text())["recipe"]["clip"] == 2.0
    go_on.about.unlink()
    assert "going on from step 3" in go_on()

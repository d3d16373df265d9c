"""What was learnt, on disk: whole, damaged, and of another model."""

from __future__ import annotations

import json
import os
import pickletools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes import FakeModel
from labelling.learning_helpers import LABELS, examples_of, region_of
from napari_micrograph_vlm.errors import MicrographError, ModelError, QuestionError, SourceError
from napari_micrograph_vlm.labelling import label_set_of
from napari_micrograph_vlm.labelling.files import read_label_set, write_label_set
from napari_micrograph_vlm.labelling.learning import Learnt
from napari_micrograph_vlm.labelling.learnt_files import is_learnt_folder

FILES = ("learnt.json", "learnt.safetensors")


@pytest.fixture(scope="module")
def learnt():
    return Learnt.learn(FakeModel(), LABELS, examples_of(3))


@pytest.fixture
def folder(learnt, tmp_path):
    learnt.save(tmp_path / "learnt")
    return tmp_path / "learnt"


def test_what_is_read_names_regions_as_what_was_written(learnt, folder):
    again = Learnt.load(folder, FakeModel())
    assert again.digest == learnt.digest
    seen = FakeModel().features([region_of("bright", 50), region_of("dark", 51)])
    named = np.full((2, 4), 0.25)
    np.testing.assert_allclose(
        again.fitted.probabilities(seen, named), learnt.fitted.probabilities(seen, named), atol=1e-6
    )
    assert str(again.trial) == str(learnt.trial)
    more = again.add(FakeModel(), [(region_of("bright", 60), "bright")])
    assert more.counts["bright"] == 4


def test_the_label_set_lies_beside_it(folder):
    assert read_label_set(folder / "label-set.json").names == LABELS.names
    assert is_learnt_folder(folder)
    assert not is_learnt_folder(folder.parent)


def test_neither_pixels_nor_pickles_are_kept(learnt, folder):
    size = (folder / "learnt.safetensors").stat().st_size
    assert size < 4 * (9 * (3 + 4) + 1) + 600
    with pytest.raises(ValueError, match=r"opcode|exhausted"):
        list(pickletools.genops((folder / "learnt.safetensors").read_bytes()))


def test_another_model_is_refused(folder):
    other = FakeModel()
    other.name = "larger"
    with pytest.raises(ModelError, match="learnt with the model fake, not with larger"):
        Learnt.load(folder, other)


def test_other_weights_are_refused(folder):
    other = FakeModel()
    other.revision = "2"
    with pytest.raises(ModelError, match=r"other weights of fake \(1, now 2\)"):
        Learnt.load(folder, other)


def test_other_classes_are_refused(folder):
    with pytest.raises(QuestionError, match="these are not those chosen"):
        Learnt.load(folder, FakeModel(), label_set_of(["dark", "grey", "bright", "odd"]))
    turned = label_set_of(LABELS.names[::-1])
    assert Learnt.load(folder, FakeModel(), turned).label_set.names == LABELS.names


def test_a_label_set_that_was_changed_beside_it_is_noticed(folder):
    write_label_set(label_set_of(["one", "two"]), folder / "label-set.json")
    with pytest.raises(QuestionError, match=r"label-set\.json beside it"):
        Learnt.load(folder, FakeModel())


def test_a_folder_without_anything_learnt_says_so(tmp_path):
    with pytest.raises(SourceError, match="Nothing that was learnt"):
        Learnt.load(tmp_path, FakeModel())


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff" * 40, b"{}", b'{"kind": 1}', None])
def test_a_broken_file_is_one_sentence(folder, name, content):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(MicrographError) as found:
        Learnt.load(folder, FakeModel())
    assert str(found.value).endswith(".")
    assert "\n" not in str(found.value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_flipped_byte_is_noticed_or_harmless(data):
    import tempfile

    learnt = Learnt.learn(FakeModel(), LABELS, examples_of(2))
    with tempfile.TemporaryDirectory() as place:
        learnt.save(place)
        path = Path(place) / data.draw(st.sampled_from(FILES))
        content = bytearray(path.read_bytes())
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        try:
            again = Learnt.load(place, FakeModel())
        except MicrographError:
            return
        assert again.digest == learnt.digest


def test_numbers_of_another_save_are_noticed(learnt, folder, tmp_path):
    other = learnt.add(FakeModel(), [(region_of("dark"), "bright")])
    other.save(tmp_path / "other")
    (tmp_path / "other" / "learnt.safetensors").replace(folder / "learnt.safetensors")
    with pytest.raises(SourceError, match="damaged"):
        Learnt.load(folder, FakeModel())


def test_a_later_version_is_not_guessed_at(folder):
    words = json.loads((folder / "learnt.json").read_text())
    (folder / "learnt.json").write_text(json.dumps({**words, "version": 2}))
    with pytest.raises(SourceError, match="not written by this version"):
        Learnt.load(folder, FakeModel())


def test_a_folder_that_cannot_be_written_to_is_one_sentence(learnt, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(SourceError, match="choose another folder"):
        learnt.save(tmp_path / "file")


def test_a_full_disk_leaves_what_was_there(learnt, folder, monkeypatch):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(self, *_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "write_bytes", fail)
    more = learnt.add(FakeModel(), [(region_of("dark", 70), "dark")])
    with pytest.raises(SourceError, match="no space left"):
        more.save(folder)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before

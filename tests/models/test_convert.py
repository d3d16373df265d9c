"""Pickled checkpoints become safetensors, and nothing they hold is ever run."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import napari_micrograph_vlm
from models.tiny_phi3 import build
from models.tiny_student import make_region
from napari_micrograph_vlm.errors import Cancelled, ModelError
from napari_micrograph_vlm.models.convert import convert, pickles_of
from napari_micrograph_vlm.models.local import LocalModel
from napari_micrograph_vlm.results import Question


class Runs:
    """A pickle of this touches a file when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.marker,))


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Cephalo-Phi-3-vision as it is published: two pickles, whose embedding has two names."""
    folder = tmp_path / "published"
    folder.mkdir()
    build(folder)
    weights = load_file(folder / "model.safetensors")
    embedding = weights["model.embed_tokens.weight"]
    weights["model.vision_embed_tokens.wte.weight"] = embedding
    names = sorted(weights, key=lambda name: "lm_head" in name)
    parts = {"pytorch_model-00001-of-00002.bin": names[:-1], "pytorch_model-00002-of-00002.bin": []}
    parts["pytorch_model-00002-of-00002.bin"] = names[-1:]
    for file, held in parts.items():
        torch.save({name: weights[name] for name in held}, folder / file)
    index = {"metadata": {}, "weight_map": {n: file for file, held in parts.items() for n in held}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index), encoding="utf-8")
    (folder / "modeling_phi3_v.py").write_text("raise SystemExit", encoding="utf-8")
    return folder


def one_pickle(folder: Path, content: Any) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "phi3_v"}', encoding="utf-8")
    with (folder / "pytorch_model.bin").open("wb") as file:
        pickle.dump(content, file)
    return folder


def test_a_converted_checkpoint_answers_as_the_published_one_and_holds_no_code(
    published: Path, tmp_path: Path
) -> None:
    question = Question("What defect is there?", (make_region(90, 140),))
    before = LocalModel.load(published, "cpu").ask(question, max_tokens=6)
    (published / "model.safetensors").unlink()
    lines: list[str] = []
    target = tmp_path / "new" / "converted"
    assert convert(published, target, on_progress=lines.append) == target
    assert sorted(path.name for path in target.glob("*.safetensors*")) == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]
    endings = {path.suffix for path in target.rglob("*") if path.is_file()}
    assert endings <= {".json", ".safetensors", ".jinja", ".model", ".txt"}
    assert not (target / "pytorch_model.bin.index.json").exists()
    after = LocalModel.load(target, "cpu").ask(question, max_tokens=6)
    assert after.text == before.text
    assert [line.partition(":")[0] for line in lines[:2]] == [
        "Converting file 1 of 2",
        "Converting file 2 of 2",
    ]


def test_one_file_needs_no_index(tmp_path: Path) -> None:
    folder = tmp_path / "published"
    folder.mkdir()
    weights = {
        "a.weight": torch.arange(6.0).reshape(2, 3).T,
        "b": torch.ones(3, dtype=torch.bfloat16),
    }
    torch.save({"state_dict": weights}, folder / "pytorch_model.bin")
    target = convert(folder, tmp_path / "converted")
    found = load_file(target / "model.safetensors")
    assert torch.equal(found["a.weight"], weights["a.weight"])
    assert found["b"].dtype == torch.bfloat16
    assert [path.name for path in target.iterdir()] == ["model.safetensors"]


def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    folder = one_pickle(tmp_path / "bad", {"a": Runs(marker)})
    with pytest.raises(ModelError, match=r"pytorch_model\.bin was not converted"):
        convert(folder, tmp_path / "converted")
    assert not marker.exists()
    assert not (tmp_path / "converted").exists()
    # The trap works: any other reader would have run it.
    pickle.loads((folder / "pytorch_model.bin").read_bytes())
    assert marker.exists()


def test_a_zipped_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    folder = tmp_path / "bad"
    folder.mkdir()
    torch.save({"a": torch.ones(2), "b": Runs(marker)}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match="was not converted"):
        convert(folder, tmp_path / "converted")
    assert not marker.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [({"a": 3}, "something other than tensors: 'a'"), ([1, 2], "no table of tensors")],
)
def test_what_holds_no_tensors_is_refused(content: Any, reason: str, tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    torch.save(content, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=reason):
        convert(folder, tmp_path / "converted")


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "pytorch_model.bin").write_bytes(b"not a pickle")
    with pytest.raises(ModelError, match=r"pytorch_model\.bin was not converted"):
        convert(folder, tmp_path / "converted")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_missing_file_is_told_before_any_work(published: Path, tmp_path: Path) -> None:
    (published / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(ModelError, match="1 of the 2 weights files are missing"):
        convert(published, tmp_path / "converted")


def test_nothing_to_convert_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "safe"
    folder.mkdir()
    (folder / "training_args.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="download it first"):
        convert(folder, tmp_path / "converted")
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="ready to use"):
        convert(folder, tmp_path / "converted")
    assert pickles_of(folder) == ()


def test_a_folder_that_is_there_is_not_overwritten(published: Path, tmp_path: Path) -> None:
    target = tmp_path / "converted"
    target.mkdir()
    (target / "mine.txt").write_text("kept", encoding="utf-8")
    with pytest.raises(ModelError, match="is there already"):
        convert(published, target)
    assert (target / "mine.txt").read_text(encoding="utf-8") == "kept"


def test_stopping_leaves_nothing_behind(published: Path, tmp_path: Path) -> None:
    cancel = Event()
    target = tmp_path / "new" / "converted"
    with pytest.raises(Cancelled):
        convert(published, target, on_progress=lambda _line: cancel.set(), cancel=cancel)
    assert list(target.parent.iterdir()) == []


def test_a_pickled_checkpoint_is_refused_by_loading_with_the_way_out(published: Path) -> None:
    (published / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="models convert"):
        LocalModel.load(published, "cpu")


def test_no_other_module_opens_the_weights_of_others() -> None:
    package = Path(napari_micrograph_vlm.__file__).parent
    readers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "torch.load(" in path.read_text(encoding="utf-8")
    }
    # The training reads its own state, and the student's converter the weights it was given.
    assert readers == {
        "models/convert_worker.py",
        "models/student/convert.py",
        "training/loop.py",
    }
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert text.count("torch.load(") == text.count("weights_only=True"), path
        assert "import pickle" not in text, path

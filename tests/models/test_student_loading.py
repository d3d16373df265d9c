from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny_student import make_model, make_processor

from napari_micrograph_vlm.errors import ModelError
from napari_micrograph_vlm.models import Model
from napari_micrograph_vlm.models.student.engine import Student
from napari_micrograph_vlm.models.student.loading import choose_device


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("student")
    processor = make_processor()
    make_model(processor.vocab_size, name="tiny", suggestions=["What is it?"]).save_compact(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "model"))


def test_a_saved_student_loads(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    student = Student.load(folder, device="cpu")
    assert isinstance(student, Model)
    assert student.name == "tiny"
    assert len(student.revision) == 12
    assert student.revision == Student.load(folder, "cpu").revision
    assert list(student.suggestions()) == ["What is it?"]
    assert not any(p.requires_grad or p.dtype != torch.float32 for p in student.model.parameters())
    # No progress bars where a plugin loads its model.
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


def _edit_config(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def _drop_a_tensor(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors.pop("matching_head.weight")
    save_file(tensors, path, metadata={"format": "pt"})


BREAKAGES = {
    "no model folder": shutil.rmtree,
    "config.json": lambda f: (f / "config.json").unlink(),
    "config.json in": lambda f: (f / "config.json").write_text("{"),
    "type 'bert'": lambda f: _edit_config(f, model_type="bert"),
    "no weights": lambda f: (f / "model.safetensors").unlink(),
    "broken; download": _truncate,
    "incomplete: 1 ": _drop_a_tensor,
    "configuration in": lambda f: _edit_config(f, projection_dim=7),
    "tokenizer or processor": lambda f: (f / "tokenizer.json").write_text("[]"),
    "processor files": lambda f: (f / "processor_config.json").unlink(),
}


@pytest.mark.parametrize("message", BREAKAGES)
def test_a_broken_folder_is_one_clear_sentence(folder: Path, message: str) -> None:
    BREAKAGES[message](folder)
    with pytest.raises(ModelError, match=message) as caught:
        Student.load(folder, "cpu")
    text = str(caught.value)
    assert text.endswith(".")
    assert "\n" not in text


def test_tokenizer_and_model_must_belong_together(folder: Path) -> None:
    make_model(999).save_pretrained(folder)
    with pytest.raises(ModelError, match="do not belong together"):
        Student.load(folder, "cpu")


class _Trap:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (open, ("sprung", "w"))


def test_pickles_are_never_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("torch.load was called"))
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(_Trap()))
    Student.load(folder, "cpu")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        Student.load(folder, "cpu")
    assert not (tmp_path / "sprung").exists()


def test_devices() -> None:
    expected = "cuda:0" if torch.cuda.is_available() else "cpu"
    assert str(choose_device("auto")) == expected
    for name in ("warp", "cuda:77"):
        with pytest.raises(ModelError, match="cannot be used here"):
            choose_device(name)


def test_the_package_offers_the_student_without_importing_torch() -> None:
    import napari_micrograph_vlm.models.student as package

    assert package.Student is Student
    with pytest.raises(AttributeError, match="teacher"):
        _ = package.teacher
    code = "import sys, napari_micrograph_vlm.models.student; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

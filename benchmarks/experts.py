"""What a token of a mixture of experts costs, and where taught gates send prompts.

``python -m benchmarks.experts``: the cost against the number of experts that work on a token and
against the number that there are (one thread, seconds of the processor, all mixtures in turns), and
the share of tokens that reach their own expert with the published and with our way of teaching
gates, on prompts about synthetic micrographs that the gates did not learn from.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.utils.flop_counter import FlopCounterMode

from napari_micrograph_vlm.datasets.chat import ChatExample, Message
from napari_micrograph_vlm.datasets.synthetic import synthesize
from napari_micrograph_vlm.models import mixtures
from napari_micrograph_vlm.models.loading import load
from napari_micrograph_vlm.training.experts import PUBLISHED, Recipe, mix_experts
from napari_micrograph_vlm.training.experts.prompts import read_prompts
from napari_micrograph_vlm.training.experts.states import routing

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

SIZES = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 4}
COSTS = [(1, 2), (1, 4), (1, 8), (2, 8), (4, 8), (8, 8)]
"""Experts that work on a token, experts that there are."""

FAMILIES = ("idefics2", "llava", "phi3_v")
KINDS = {
    "particles": ("How many particles are there?", "There are round particles 12.5 µm apart."),
    "porous sponge": ("Are there pores?", "Yes. The sponge has round pores."),
    "patterned surfaces": ("What defect is there?", "There is a bridge between two lines."),
}
TAUGHT, TRIED = 16, 16


def mixture(chosen: int, experts: int) -> Any:
    torch.manual_seed(0)
    config = mixtures.LlavaMoeConfig(
        text_config={"model_type": "llama", **SIZES, "num_attention_heads": 8, "vocab_size": 500},
        vision_config={"hidden_size": 24, "num_hidden_layers": 1, "intermediate_size": 24},
        k=chosen,
        num_expert_models=experts,
    )
    return mixtures.LlavaMoeForConditionalGeneration(config).eval()


def write(model: Any, tokens: int) -> float:
    """Return the processor's seconds for each token written behind a short prompt."""
    ids = torch.arange(8)[None]
    with torch.inference_mode():
        seen = model(input_ids=ids, use_cache=True)
        start = time.process_time()
        for _ in range(tokens):
            last = seen.logits[:, -1:].argmax(-1)
            seen = model(input_ids=last, past_key_values=seen.past_key_values, use_cache=True)
        return (time.process_time() - start) / tokens


def cost(repeats: int, tokens: int) -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    models = {pair: mixture(*pair) for pair in COSTS}
    seconds: dict[tuple[int, int], list[float]] = {pair: [] for pair in COSTS}
    for model in models.values():
        write(model, 5)
    for _ in range(repeats):
        for pair, model in models.items():
            seconds[pair].append(write(model, tokens))
    rows = []
    for pair, model in models.items():
        counter = FlopCounterMode(display=False)
        with torch.no_grad(), counter:
            model(input_ids=torch.arange(8)[None])
        ratios = np.array(seconds[pair]) / np.array(seconds[COSTS[0]])
        rows.append(
            {
                "chosen": pair[0],
                "experts": pair[1],
                "ms": 1e3 * float(np.median(seconds[pair])),
                "against_first": _median(ratios),
                "mflop": counter.get_total_flops() / 8 / 1e6,
                "weights": sum(p.numel() for p in model.parameters()) / 1e6,
            }
        )
    return rows


def prompts(category: str, first: int, count: int) -> list[ChatExample]:
    question, answer = KINDS[category]
    found = []
    for seed in range(first, first + count):
        made = synthesize(seed, category=category, size=128)
        pixels = np.asarray(made.image)
        messages = (Message("user", question, 1), Message("assistant", answer))
        found.append(ChatExample(f"{category}-{seed}", (Image.fromarray(pixels),), messages))
    return found


def reached(family: str, folder: Path) -> list[dict[str, Any]]:
    """Return the share of tokens of each kind of prompt that went to its expert."""
    from models.tiny_models import checkpoint

    folders = [checkpoint(family, folder / f"{family}-{n}", seed=n) for n in range(len(KINDS))]
    learnt = [prompts(kind, 0, TAUGHT) for kind in KINDS]
    rows = []
    for name, recipe in (("published", PUBLISHED), ("ours", Recipe())):
        target = folder / f"{family}-{name}"
        mix_experts(folders[0], folders, target, prompts=learnt, recipe=recipe, device="cpu")
        loaded = load(target, "cpu")
        shares = []
        for number, kind in enumerate(KINDS):
            fresh = prompts(kind, 1000, TRIED + TRIED // 3 + 1)
            lessons = read_prompts(fresh, loaded.model, loaded.family)[0][:TRIED]
            shares += routing(loaded.model, loaded.family, lessons)[..., number].mean(1).tolist()
        rows.append({"family": family, "recipe": name, "own": _mean(np.array(shares))})
    return rows


def _median(values: NDArray[np.float64]) -> list[float]:
    return _interval(values, np.median)


def _mean(values: NDArray[np.float64]) -> list[float]:
    return _interval(values, np.mean)


def _interval(values: NDArray[np.float64], of: Any) -> list[float]:
    """Return a figure and where it lies in 95 % of 2,000 resamples."""
    rng = np.random.default_rng(0)
    picked = rng.choice(values, (2000, len(values)))
    low, high = np.percentile(of(picked, axis=1), [2.5, 97.5])
    return [float(of(values)), float(low), float(high)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--only", choices=["cost", "routing"])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    if asked.only != "routing":
        found["cost"] = cost(asked.repeats, asked.tokens)
        show_cost(found["cost"])
    if asked.only != "cost":
        found["routing"] = []
        with tempfile.TemporaryDirectory() as folder:
            for family in FAMILIES:
                found["routing"] += reached(family, Path(folder))
        show_routing(found["routing"])
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2))


def show_cost(rows: list[dict[str, Any]]) -> None:
    print("| work on a token | there are | million operations | ms | times the first row |")
    print("|---|---|---|---|---|")
    for row in rows:
        ratio, low, high = row["against_first"]
        print(
            f"| {row['chosen']} | {row['experts']} | {row['mflop']:.2f} | {row['ms']:.2f} | "
            f"{ratio:.2f} ({low:.2f}–{high:.2f}) |"
        )


def show_routing(rows: list[dict[str, Any]]) -> None:
    print("| family | gates taught | tokens that reach their own expert (chance 33 %) |")
    print("|---|---|---|")
    for row in rows:
        share, low, high = row["own"]
        print(f"| {row['family']} | {row['recipe']} | {_percent(share, low, high)} |")


def _percent(share: float, low: float, high: float) -> str:
    return f"{100 * share:.0f} % ({100 * low:.0f}–{100 * high:.0f})"


if __name__ == "__main__":
    main()

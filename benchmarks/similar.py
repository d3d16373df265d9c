"""How many defects of one kind are found from one of them: ``python -m benchmarks.similar``.

Synthetic pictures with ten or so defects of one kind, whose place is known. One defect is the
example; of as many candidates as there are others, how many are right (precision, which then is
recall too), and how many are found among twice as many. Beside it what normalised
cross-correlation of the pixels finds (``skimage.feature.match_template``). ``--feedback`` also
measures a second search with the first three right and wrong candidates as examples and
counter-examples, on the others.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_micrograph_vlm.api import load_model
from napari_micrograph_vlm.datasets.synthetic import arrays, films, patterns
from napari_micrograph_vlm.datasets.synthetic.synthesize import Variant, synthesize_variant
from napari_micrograph_vlm.finding.candidates import SimilarityMap, candidates_of
from napari_micrograph_vlm.finding.fields import field_of
from napari_micrograph_vlm.finding.similar import Example, Grids, Search
from napari_micrograph_vlm.finding.windows import VIEW
from napari_micrograph_vlm.models.base import eyes_of

KINDS = {
    "bridge": (patterns.line_space, 14),
    "break": (patterns.line_space, 14),
    "necking": (patterns.line_space, 12),
    "residue": (patterns.line_space, 10),
    "missing hole": (arrays.contact_holes, 14),
    "closed hole": (arrays.contact_holes, 12),
    "particle": (arrays.contact_holes, 12),
    "pore": (films.top_view, 14),
}
EXAMPLES = (0, 3, 5)
GROWN = 0.1
"""Share of its size by which a user draws wider than the defect, on each side."""

Boxes = np.ndarray


def picture(kind: str, seed: int, size: int) -> tuple[np.ndarray, Boxes]:
    """Return a picture and the boxes of its defects, drawn a little wide."""
    build, number = KINDS[kind]
    for one in range(seed, seed + 20):
        try:
            made = synthesize_variant(
                one, "patterned surfaces", Variant(build), ((kind, number),), size
            )
        except RuntimeError:
            continue
        boxes = np.array([_box(np.argwhere(each.mask)) for each in made.defects], float)
        wide = (boxes[:, 2:] - boxes[:, :2]) * GROWN
        return made.image, boxes + np.hstack([-wide, wide])
    raise RuntimeError(f"No picture with {number} defects of the kind {kind} could be made.")


def _box(points: np.ndarray) -> list[int]:
    return [*points.min(axis=0), *(points.max(axis=0) + 1)]


def hits(proposed: Sequence[Sequence[float]], truth: Boxes) -> np.ndarray:
    """Say of each box, in order, whether it holds the centre of a defect not found before."""
    centres = (truth[:, :2] + truth[:, 2:]) / 2
    free = np.ones(len(truth), bool)
    right = np.zeros(len(proposed), bool)
    for i, (y0, x0, y1, x1) in enumerate(proposed):
        inside = free & (centres >= [y0, x0]).all(axis=1) & (centres <= [y1, x1]).all(axis=1)
        if inside.any():
            right[i] = True
            free[np.flatnonzero(inside)[0]] = False
    return right


def scores(right: np.ndarray, number: int) -> tuple[float, float, float]:
    """Return precision of the top N, recall among the top 2 N, average precision."""
    ranks = np.arange(1, len(right) + 1)
    average = float((np.cumsum(right) / ranks * right).sum() / number)
    return float(right[:number].sum() / number), float(right[: 2 * number].sum() / number), average


def measure(kind: str, seed: int, size: int, view: float, feedback: bool, model) -> list[tuple]:
    from skimage.feature import match_template

    image, boxes = picture(kind, seed, size)
    where = field_of(image, key=(kind, seed))
    grids, rows = Grids(), []
    for chosen in EXAMPLES:
        others = np.delete(boxes, chosen, axis=0)
        most = 2 * len(others)
        example = Example(where, tuple(boxes[chosen]))
        search = Search(model, [example], view=view, grids=grids)
        start = time.perf_counter()
        (found,) = search.maps([where])
        seconds = time.perf_counter() - start
        proposed = candidates_of(found, example.size, most=most, least=-1, known=[example.box])
        right = hits([each.box for each in proposed], others)
        ours = scores(right, len(others))

        y0, x0, y1, x1 = np.clip(boxes[chosen].round().astype(int), 0, size)
        pixels = image.astype(np.float32)
        alike = match_template(pixels, pixels[y0:y1, x0:x1], pad_input=True)
        plain = candidates_of(
            SimilarityMap(where, alike, 1), example.size, most=most, least=-1, known=[example.box]
        )
        baseline = scores(hits([each.box for each in plain], others), len(others))
        cut = [each.similarity for each in proposed]
        good = np.array(cut)[right]
        bad = np.array(cut)[~right]
        row = (kind, ours, baseline, seconds, good.min(initial=1), bad.max(initial=-1))
        if feedback:
            row += (_again(search, where, proposed, right, others),)
        rows.append(row)
    return rows


def _again(search, where, proposed, right, others) -> tuple:
    """Average precision on what is left, before and after a second search."""
    accepted = [proposed[i].box for i in np.flatnonzero(right)[:3]]
    rejected = [proposed[i].box for i in np.flatnonzero(~right)[:3]]
    taken = hits(accepted, others)
    assert taken.all()
    centres = (others[:, :2] + others[:, 2:]) / 2
    gone = np.zeros(len(others), bool)
    for y0, x0, y1, x1 in accepted:
        gone |= (centres >= [y0, x0]).all(axis=1) & (centres <= [y1, x1]).all(axis=1)
    left = others[~gone]
    if not len(left):
        return (1.0, 1.0)
    known = [*accepted, *rejected, search.examples[0].box]
    out = []
    for more, less in (((), ()), (accepted, rejected)):
        again = Search(
            search.model,
            [*search.examples, *(Example(where, box) for box in more)],
            [Example(where, box) for box in less],
            search.view,
            search.grids,
        )
        (found,) = again.maps([where])
        most = 2 * len(left)
        new = candidates_of(found, search.size, most=most, least=-1, known=known)
        out.append(scores(hits([each.box for each in new], left), len(left))[2])
    return tuple(out)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.similar", description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--seed", type=int, default=100)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--view", type=float, default=VIEW)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--feedback", action="store_true")
    chosen = parser.parse_args()
    model = eyes_of(load_model(chosen.model))
    print("| kind | top N right | found in 2 N | average precision | pixels: top N | 2 N | a. p. |")
    print("|---|---|---|---|---|---|---|")
    every: list[tuple] = []
    for kind in chosen.kinds:
        rows = measure(kind, chosen.seed, chosen.size, chosen.view, chosen.feedback, model)
        every += rows
        print(_line(kind, rows), flush=True)
    print(_line("all", every))


def _line(name: str, rows: list[tuple]) -> str:
    ours, plain = (np.mean([row[i] for row in rows], axis=0) for i in (1, 2))
    cells = [f"{100 * value:.0f} %" for value in (*ours, *plain)]
    line = f"| {name} | " + " | ".join(cells) + " |"
    line += f" {rows[0][3]:.1f} s; weakest right {min(r[4] for r in rows):.2f},"
    line += f" strongest wrong {max(r[5] for r in rows):.2f}"
    if len(rows[0]) > 6:
        before, after = np.mean([row[6] for row in rows], axis=0)
        line += f"; rest {100 * before:.0f} % -> {100 * after:.0f} %"
    return line


if __name__ == "__main__":
    main()

"""How well a plate tells of its mirror image: ``python -m benchmarks.fracture_twins [--plates N]``.

The rows of the simulated lattice are shifted against each other, so that a plate and its mirror
image, both simulated, differ a little. Who sees a picture does not see the lattice. *One for the
other* is R² of the numbers of the plate, taken for those of its twin; *their mean*, for both, is
the best that anybody reaches who tells the same of a picture and of its mirror image.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from napari_micrograph_vlm.evaluation.fracture import r_squared, r_squared_interval
from napari_micrograph_vlm.intervals import wilson
from napari_micrograph_vlm.simulation.plates import Plate, draw_plate
from napari_micrograph_vlm.simulation.records import Record
from napari_micrograph_vlm.simulation.runs import QUANTITIES, simulate
from napari_micrograph_vlm.simulation.shapes import Shape

FIRST_SEED = 10_000_000
"""Of the plates of the test."""


def in_mirror(plate: Plate) -> Plate:
    """Return a plate with left and right exchanged."""

    def flipped(shape: Shape | None) -> Shape | None:
        return None if shape is None else lambda x, y: shape(1 - x, y)

    return replace(plate, empty=flipped(plate.empty), soft=flipped(plate.soft))


def twins_of(seed: int) -> tuple[Record, Record]:
    """Return the runs of a plate and of its mirror image, the latter's direction turned back."""
    plate = draw_plate(seed)
    one, other = (Record.of(simulate(p)) for p in (plate, in_mirror(plate)))
    angle = other.numbers["crack_direction"]
    if angle is not None and abs(angle) != 90:
        other.numbers["crack_direction"] = -angle
    return one, other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plates", type=int, default=100)
    asked = parser.parse_args()
    pairs = [twins_of(FIRST_SEED + i) for i in range(asked.plates)]
    print("| quantity | one for the other, R² (95 % interval) | their mean, R² (95 % interval) "
          "| mean difference | spread | plates |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- |")
    for kind, quantity in QUANTITIES.items():
        both = [(a.numbers[kind], b.numbers[kind]) for a, b in pairs]
        values = np.array([pair for pair in both if None not in pair], np.float64)
        truth, twin = values.T
        told = []
        for said in (twin, values.mean(1)):
            low, high = r_squared_interval(truth, said)
            told.append(f"{r_squared(truth, said):.3f} ({low:.3f} to {high:.3f})")
        apart = np.abs(truth - twin).mean()
        print(f"| {quantity.name} ({quantity.unit}) | {' | '.join(told)} | {apart:.3g} "
              f"| {truth.std():.3g} | {len(values)} |")  # fmt: skip
    alike = sum(a.starts == b.starts for a, b in pairs)
    low, high = wilson(alike, len(pairs))
    print(f"\nWhether a crack starts: alike in {alike} of {len(pairs)} ({low:.2f} to {high:.2f}).")


if __name__ == "__main__":
    main()

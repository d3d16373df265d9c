"""Information bars: ``python -m benchmarks.bars [--count N] [--real FOLDER] [--json FILE]``.

How many are found, how many are seen where there is none, and how well scale bars are measured: on
bars drawn in the styles of many makers, and on real micrographs of published figures (``--real``, a
folder with the pictures that ``bar_labels.json`` names).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_bars import STYLES, WITHOUT, as_jpeg, make_bar, without_bar
from napari_micrograph_vlm.intervals import wilson
from napari_micrograph_vlm.readers.bar import Word, find_bar, read_bar

from .table import Row, print_table


def share(what: str, found: int, tried: int) -> Row:
    low, high = (100 * end for end in wilson(found, tried))
    return Row(
        "bars",
        f"{what}: {found} of {tried} (95 % {low:.1f}–{high:.1f})",
        100 * found / max(tried, 1),
        "%",
    )


def made(count: int) -> list[Row]:
    rng = np.random.default_rng(2)
    rows, errors, seconds = [], [], []
    for style in (*STYLES, "translucent"):
        found = read = 0
        for number in range(count):
            side = "top" if number % 5 == 4 else "bottom"
            shape = int(rng.integers(500, 900)), int(rng.integers(640, 1400))
            clear = style == "translucent"
            one = make_bar(rng, "jeol" if clear else style, shape, side, 0.7 if clear else 1.0)
            image = one.image
            if number % 3 == 1:
                image = as_jpeg(image, int(rng.integers(70, 96)))
            elif number % 3 == 2:
                image = image.astype(np.uint16) * int(rng.integers(1, 250))
            start = time.process_time()
            bar = find_bar(image)
            seconds.append(time.process_time() - start)
            if bar is None or bar.side != side or abs(bar.rows[0] - one.rows[0]) > 3:
                continue
            found += 1
            words = [Word(text, box).moved(-bar.rows[0], 0) for text, box in one.words]
            reading = read_bar(image, bar, read_text=lambda _, words=words: words)
            if reading.length_nm == one.length_nm and reading.length_px is not None:
                read += 1
                errors.append(100 * abs(reading.length_px / one.length_px - 1))
        rows += [share(f"{style}, found", found, count), share(f"{style}, read", read, found)]
    for kind in WITHOUT:
        seen = 0
        for number in range(count):
            shape = int(rng.integers(300, 900)), int(rng.integers(300, 1400))
            image = without_bar(rng, kind, shape)
            if number % 2:
                image = as_jpeg(image, int(rng.integers(70, 96)))
            seen += find_bar(image) is not None
        rows.append(share(f"{kind}, false alarms", seen, count))
    for level in (50, 95, 100):
        rows.append(
            Row("bars", f"length error, {level}th percentile", np.percentile(errors, level), "%")
        )
    rows.append(Row("bars", "time of a search, median", 1000 * np.median(seconds), "ms"))
    return rows


def real(folder: Path) -> list[Row]:
    labels = json.loads(Path(__file__).with_name("bar_labels.json").read_text())
    bars, skipped = set(labels["bars"]), set(labels["banners"])
    found = false = others = 0
    for path in sorted(folder.rglob("*")):
        if path.suffix not in (".jpg", ".png") or {"instances", "masks"} & set(path.parts):
            continue
        if path.stem in skipped:
            continue
        seen = find_bar(np.asarray(Image.open(path).convert("RGB"))) is not None
        if path.stem in bars:
            found += seen
        else:
            others += 1
            false += seen
    return [
        share("real micrographs, found", found, len(bars)),
        share("real micrographs, false alarms", false, others),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bars", description=__doc__)
    parser.add_argument("--count", type=int, default=40, help="made pictures of each kind")
    parser.add_argument("--real", type=Path, help="folder of the labelled micrographs")
    parser.add_argument("--json", type=Path, help="also write the rows there")
    chosen = parser.parse_args()
    rows = made(chosen.count) if chosen.count else []
    if chosen.real is not None:
        rows += real(chosen.real)
    print_table(rows)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps([row.to_dict() for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()

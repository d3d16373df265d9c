"""The card of an exported dataset: what it holds, who wrote it, how it was checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from .. import __version__
from .audit.verdicts import error_rates
from .labelled import TRUTH, Record
from .teacher.pairs import kind_of

__all__ = ["Counts", "card_text"]

_TEXT = """
# {title}

Electron micrographs with what is to be seen in them: fields, one sentence, questions and answers.
Written with `napari-micrograph-vlm data export`, version {version}.

```python
from datasets import load_dataset

data = load_dataset("path/to/this/folder")
print(data["train"][0]["texts"])
```

## Pictures

| source | training | test |
|---|---|---|
{sources}

Pictures of one group (a paper, a specimen, a synthetic picture) are in one split only; a hash of
the group's name decides which, and another one, `group`, stands for the name. {skipped}

## Who wrote the labels

{teachers}

{filtering}

## Questions

| kind | number |
|---|---|
{kinds}

## What is not known

A field without a value (`null`) is not known: it was not asked for, or the answers about it did
not agree. An empty list of defects does not occur: where none is to be seen, the kind is
"none visible".

{errors}

## Licence

{licence}
"""


@dataclass
class Counts:
    """What a dataset holds, counted as it is written."""

    splits: Counter[str] = field(default_factory=Counter)
    sources: dict[str, Counter[str]] = field(default_factory=dict)
    teachers: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    verdicts: list[dict[str, str]] = field(default_factory=list)

    def add(self, split: str, source: str, record: Record) -> None:
        """Count one picture."""
        self.splits[split] += 1
        self.sources.setdefault(source, Counter())[split] += 1
        self.teachers[str(record.get("teacher") or "not named")] += 1
        self.twice += bool(record.get("agreed"))
        kinds = record.get("qa_kinds") or []
        if len(kinds) != len(record["qa"]):
            kinds = [kind_of(question) for question, _ in record["qa"]]
        self.kinds.update(map(str, kinds))
        lost = record.get("dropped")
        if isinstance(lost, dict):
            self.dropped.update({str(k): int(v) for k, v in lost.items()})


def card_text(
    title: str,
    licence: str,
    counts: Counts,
    described: dict[str, dict[str, int]],
    features: Any,
    skipped: int,
) -> str:
    """Return the text of ``README.md``.

    Parameters
    ----------
    title, licence : str
        As the user gave them.
    counts : Counts
        What the dataset holds.
    described : dict
        Rows and bytes of each split.
    features : datasets.Features
        Its columns.
    skipped : int
        How many records were left out.
    """
    import yaml  # type: ignore[import-untyped]

    splits = {name: sizes for name, sizes in described.items() if sizes["num_examples"]}
    n = sum(counts.splits.values())
    head = {
        "license": licence,
        "pretty_name": title,
        "task_categories": ["visual-question-answering", "image-to-text"],
        "tags": ["electron-microscopy", "micrographs"],
        "size_categories": [_size(n)],
        "dataset_info": {
            "features": features._to_yaml_list(),
            "splits": [{"name": name, **sizes} for name, sizes in splits.items()],
        },
        "configs": [
            {
                "config_name": "default",
                "data_files": [
                    {"split": name, "path": f"data/{name}-*.parquet"} for name in splits
                ],
            }
        ],
    }
    text = _TEXT.format(
        title=title,
        version=__version__,
        sources="\n".join(
            f"| {_cell(name)} | {c['train']} | {c['test']} |" for name, c in counts.sources.items()
        ),
        skipped=f"{skipped} records were left out because they or their pictures are broken."
        if skipped
        else "No record was left out.",
        teachers="\n".join(_teacher(*pair) for pair in counts.teachers.most_common()),
        filtering=_filtering(counts, n),
        kinds="\n".join(f"| {_cell(kind)} | {k} |" for kind, k in counts.kinds.most_common()),
        errors=_errors(counts.verdicts) if set(counts.teachers) != {TRUTH} else "",
        licence=f"Labels: {licence}. The pictures keep the licences of their sources."
        if set(counts.teachers) != {TRUTH}
        else f"{licence}. The pictures are synthetic.",
    )
    front = yaml.safe_dump(head, sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n{text}"


def _errors(verdicts: list[dict[str, str]]) -> str:
    """Say how often the teacher was found wrong, where somebody looked."""
    rates = error_rates(verdicts)
    if not rates:
        return "Nobody has reviewed the labels with `napari-micrograph-vlm data audit`."
    lines = [
        "A person reviewed a sample of the teacher's labels, drawn by kind; with 95 % intervals:",
        "",
        "| kind | wrong | interval | judged | unsure |",
        "|---|---|---|---|---|",
    ]
    for rate in rates:
        low, high = rate.interval
        share = "" if rate.share is None else f"{100 * rate.share:.1f} %"
        interval = "" if rate.share is None else f"{100 * low:.1f} to {100 * high:.1f} %"
        lines.append(
            f"| {_cell(rate.kind)} | {share} | {interval} | {rate.judged} | {rate.unsure} |"
        )
    return "\n".join(lines)


def _teacher(name: str, n: int) -> str:
    if name == TRUTH:
        return f"- {n} pictures are synthetic, and their labels are exact."
    who = "a teacher that is not named" if name == "not named" else f"the teacher `{name}`"
    return f"- {n} pictures were labelled by {who}, looking at the picture alone."


def _filtering(counts: Counts, n: int) -> str:
    if not counts.twice:
        return "No label was asked for twice." if set(counts.teachers) != {TRUTH} else ""
    lines = [
        f"Of the {n} pictures {counts.twice} were asked about twice in different words; only what "
        "agreed was kept, and nothing that masks, counts or the synthetic truth deny. Dropped:",
        "",
        "| what, and why | times |",
        "|---|---|",
        *(f"| {_cell(what)} | {k} |" for what, k in counts.dropped.most_common()),
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _size(n: int) -> str:
    for most, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K")):
        if n < most:
            return name
    return "100K<n<1M"

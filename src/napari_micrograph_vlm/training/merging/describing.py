"""How a merged model was made: the recipe beside its weights, and its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ... import __version__

__all__ = ["recipe_of", "render"]

_TITLES = {
    "layers": "layers of several models, one behind the other",
    "linear": "a weighted mean of models",
    "tasks": "a model and what others have learnt beyond it",
    "experts": "a mixture of experts",
}

_CARD = """---
library_name: transformers
pipeline_tag: image-text-to-text
tags: [merge, micrograph-vlm]
---
# {title}

A vision-language model of type `{model_type}`: {what}.
Made by `napari-micrograph-vlm` (version {version}) out of trained models; `merge.json` beside the
weights says the same for programs.

| {head} | from the model | its weights |
| --- | --- | --- |
{rows}

All that is not in the table (image encoder, processor, chat format) is that of `{base}`
(`{revision}`).

```bash
napari-micrograph-vlm ask micrograph.tif "What is shown?" --model {title}
```

## What to know
{advice}
- The licences of all models in the table hold for this one.
- Answers were not measured. Measure them before you rely on them: `napari-micrograph-vlm evaluate`.
"""

_ADVICE = {
    "layers": "- Layers that were put in answer badly until they are taught: go on with\n"
    "  `napari-micrograph-vlm fine-tune`. Silent ones change no answer until then.",
    "linear": "- Means are of use between models that were made from one and the same model.",
    "tasks": "- With large weights the model forgets what it could; try smaller ones first.",
    "experts": "- Where `gates.json` lies beside the weights, the gates were taught from sample\n"
    "  prompts; else they know nothing, and every token goes to the first experts.",
}


def recipe_of(
    method: str,
    base: Path,
    parts: Sequence[tuple[Path, Mapping[str, Any]]],
    **settings: Any,
) -> dict[str, Any]:
    """Return how a model is made, ready for JSON.

    Parameters
    ----------
    method : str
        ``"layers"``, ``"linear"``, ``"tasks"``, ``"adapters"`` or ``"experts"``.
    base : Path
        The model that gives all the rest.
    parts : sequence of (Path, dict)
        The models that are merged, and what is taken of each.
    **settings
        What else was chosen.
    """
    return {
        "method": method,
        "version": __version__,
        "base": _named(base),
        "parts": [{**_named(folder), **about} for folder, about in parts],
        **settings,
    }


def render(title: str, recipe: Mapping[str, Any], model_type: str) -> str:
    """Return the card of a merged model.

    Parameters
    ----------
    title : str
        Its name.
    recipe : dict
        As of :func:`recipe_of`.
    model_type : str
        The architecture.
    """
    method = recipe["method"]
    rows = []
    at = 0
    for part in recipe["parts"]:
        if method == "layers":
            start, end = part["layers"]
            what = f"{at} to {at + end - start - 1}"
            said = f"layers {start} to {end - 1}" + (", silent" if part["silent"] else "")
            at += end - start
        else:
            what = f"{part['weight']:g}" if "weight" in part else str(part.get("expert", ""))
            said = "feed-forward blocks" if method == "experts" else "all"
        rows.append(f"| {what} | `{part['model']}` | {said} (`{part['revision']}`) |")
    heads = {"layers": "layers", "experts": "expert"}
    return _CARD.format(
        title=title,
        model_type=model_type,
        what=_TITLES[method],
        version=recipe["version"],
        head=heads.get(method, "weight"),
        rows="\n".join(rows),
        base=recipe["base"]["model"],
        revision=recipe["base"]["revision"],
        advice=_ADVICE[method],
    )


def _named(folder: Path) -> dict[str, str]:
    from ...models.loading import revision_of

    # A snapshot of the hub's cache: its name is that of the repository.
    where = folder.absolute()
    name = where.name
    if where.parent.name == "snapshots":
        name = where.parent.parent.name.removeprefix("models--").replace("--", "/")
    return {"model": name, "revision": revision_of(folder)}

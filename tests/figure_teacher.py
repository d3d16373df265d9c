"""Figures whose truth is known, and a teacher that lies about them at a known rate."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from random import Random

import numpy as np
from PIL import Image

from napari_micrograph_vlm.datasets.papers.figure import PaperFigure, write_figures
from napari_micrograph_vlm.datasets.teacher.base import Reply

# fmt: off
MATERIALS = ("nickel foam", "silica aerogel", "a titanium alloy", "copper film", "spider silk",
             "hydroxyapatite", "a carbon fibre composite", "polystyrene", "zirconia", "nacre")
MADE = ("annealed", "sintered", "quenched", "freeze-dried", "pressed", "electropolished")
THINGS = ("pores", "fibres", "grains", "platelets", "cracks", "spheres", "lamellae", "pillars")
EFFECTS = ("raises the stiffness", "lowers the strength", "slows the crack down",
           "doubles the toughness", "opens the pores", "roughens the surface")
SEEN = ("A bright band crosses the upper half.", "The left side is darker than the right side.",
        "The largest object lies near the centre.", "The objects touch each other.",
        "The background is even.", "Small bright dots cover the surface.",
        "The objects are aligned along one direction.", "The lower edge is blurred.")
KNOWN = ("Such structures are used in bone implants.", "The material was first described in 1962.",
         "Corrosion would destroy it within years.", "It conducts heat better than copper does.",
         "The same is found in the wings of butterflies.")
# fmt: on


@dataclass
class World:
    """One figure: its caption, what is true of it and by what, and what is not."""

    caption: str
    by_caption: dict[str, str]
    by_picture: list[str]
    false: list[str]
    questions: list[tuple[str, str]] = field(default_factory=list)


def make_world(seed):
    rng = Random(seed)
    material, made, thing, effect = (rng.choice(c) for c in (MATERIALS, MADE, THINGS, EFFECTS))
    heat, size, hours = rng.randrange(200, 900, 10), rng.randrange(2, 90), rng.randrange(2, 30)
    facts = {
        f"The material is {material}.": f"Scanning electron micrograph of {material}",
        f"It was {made} at {heat} °C.": f"{made} at {heat} °C for {hours} h",
        f"The {thing} are {size} µm wide on average.": f"mean width of the {thing} is {size} µm",
        f"The treatment {effect}.": f"The treatment {effect}",
    }
    words = list(facts.values())
    caption = f"{words[0]}, {words[1]}. The {words[2]}. {words[3]} compared with the untreated one."
    seen = rng.sample(SEEN, 3)
    other = {
        "material": rng.choice([m for m in MATERIALS if m != material]),
        "thing": rng.choice([t for t in THINGS if t != thing]),
        "effect": rng.choice([e for e in EFFECTS if e != effect]),
    }
    false = [
        f"The material is {other['material']}.",
        f"It was {made} at {heat + rng.randrange(10, 90)} °C.",
        f"The {thing} are {size} nm wide on average.",
        f"It was {made} at -{heat} °C.",
        f"The {other['thing']} are broken at their ends.",
        f"The treatment {other['effect']}.",
        f"The {thing} grew because the {made} {material} took up oxygen.",
        *(s for s in rng.sample(SEEN, 4) if s not in seen),
        *rng.sample(KNOWN, 3),
    ]
    questions = [
        ("What material is shown?", material),
        (f"At which temperature was it {made}?", f"{heat} °C"),
        (f"How wide are the {thing}?", f"{size} µm"),
    ]
    return World(caption, facts, seen, false, questions)


def write_figure_folder(folder, number=3, first=0, papers=2):
    """Write a folder of figures; returns their worlds by caption."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    worlds, figures = {}, []
    for i in range(number):
        world = make_world(first + i)
        worlds[world.caption] = world
        pixels = np.random.default_rng(i).integers(0, 255, (48, 64), np.uint8)
        Image.fromarray(pixels).save(folder / f"images/f{i}.png")
        figures.append(
            PaperFigure(
                f"f{i}",
                f"images/f{i}.png",
                world.caption,
                f"Figure {i + 1}",
                f"paper-{i % papers}.pdf",
                2 + i,
                size=(64, 48),
            )
        )
    write_figures(folder, figures)
    return worlds


class LyingTeacher:
    """Writes true and false statements, and judges them with mistakes.

    Parameters
    ----------
    lies : float
        Share of what it writes that is false.
    misses, denies : float
        How often it confirms a false statement, and denies a true one, each time anew.
    stubborn : float
        Share of the false statements that it always confirms, in whatever words it is asked.
    nods : bool
        Whether it confirms everything.
    """

    name = "lying"

    def __init__(
        self,
        worlds,
        lies=0.3,
        misses=0.0,
        denies=0.0,
        stubborn=0.0,
        nods=False,
        seed=0,
    ):
        self.worlds, self.lies, self.misses, self.denies = worlds, lies, misses, denies
        self.stubborn, self.nods, self.rng = stubborn, nods, Random(seed)
        self.prompts = []
        self.seen = None

    def ask(self, shown, prompt, *, temperature, seed):
        self.prompts.append(prompt)
        # Without a caption it is asked about the picture that it was shown last.
        self.seen = next((w for c, w in self.worlds.items() if c in prompt), self.seen)
        assert self.seen is not None, prompt
        return Reply(json.dumps(self.answer(self.seen, prompt)), 100, 20, 0.1)

    def answer(self, world, prompt):
        lines = re.findall(r"^\d+\. (.+)$", prompt, re.MULTILINE)
        if '"description"' in prompt:
            return self.describe(world)
        if '"questions"' in prompt:
            return {"questions": [{"question": q, "answer": self.of(world, a)}
                                  for q, a in world.questions]}  # fmt: skip
        if '"answers"' in prompt:
            return {"answers": [dict(world.questions).get(q, "cannot tell") for q in lines]}
        good = [self.confirms(world, line, picture='"shown"' in prompt) for line in lines]
        if '"verdicts"' in prompt:
            return {
                "verdicts": [self.support(world, *pair) for pair in zip(lines, good, strict=True)]
            }
        words, name = (("yes", "no"), "shown") if '"shown"' in prompt else (
            ("holds", "made up"), "checked")  # fmt: skip
        return {name: [words[0] if one else words[1] for one in good]}

    def describe(self, world):
        true = [*world.by_caption, *world.by_picture]
        false = list(world.false)
        self.rng.shuffle(true)
        self.rng.shuffle(false)
        made = [(false if self.rng.random() < self.lies else true).pop() for _ in range(6)]
        return {"belongs": True, "picture": "micrograph", "description": made[:4],
                "reasoning": made[4:]}  # fmt: skip

    def of(self, world, answer):
        if self.rng.random() >= self.lies:
            return answer
        if "µm" in answer and self.rng.random() < 0.5:
            return answer.replace("µm", "nm")
        number = re.match(r"\d+", answer)
        return answer.replace(number[0], str(int(number[0]) + 13)) if number else "brass"

    def is_true(self, world, line, picture=False):
        pair = re.match(r"Question: (.+?) Answer: (.+)", line)
        if pair:
            return dict(world.questions).get(pair[1]) == pair[2] and not picture
        return line in world.by_picture or (not picture and line in world.by_caption)

    def confirms(self, world, line, picture):
        if self.is_true(world, line, picture):
            return self.nods or self.rng.random() >= self.denies
        sticks = Random(f"{line}{world.caption}").random() < self.stubborn
        return self.nods or sticks or self.rng.random() < self.misses

    def support(self, world, line, confirmed):
        if not confirmed:
            return {"support": "neither", "words": ""}
        if line in world.by_picture:
            return {"support": "picture", "words": ""}
        words = world.by_caption.get(line) or self.nearest(world, line)
        return {"support": "caption", "words": words}

    def nearest(self, world, line):
        """The best quotation that a liar could give: real words, the most alike."""
        words = {*re.findall(r"\w+", line.casefold())}
        pieces = re.split(r"[.,] ", world.caption)
        return max(pieces, key=lambda p: len(words & {*re.findall(r"\w+", p.casefold())}))

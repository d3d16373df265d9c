"""How a question can be put: several phrasings of each kind, some kept for the test."""

from __future__ import annotations

import numpy as np

__all__ = ["HELD_OUT", "PHRASINGS", "phrase", "roughen"]

PHRASINGS: dict[str, tuple[str, ...]] = {
    "category": (
        "What kind of sample is this?",
        "Which kind of sample is this?",
        "What am I looking at?",
        "What type of structure is this?",
        "Which category does this micrograph belong to?",
        "What is this?",
        "What is shown?",
        "Classify this image.",
    ),
    "technique": (
        "Which technique was used?",
        "Is this SEM or TEM?",
        "What kind of microscope took this?",
        "How was this imaged?",
        "Which microscopy technique is this?",
        "Was this taken by SEM or TEM?",
    ),
    "objects": (
        "What objects are there?",
        "What can be seen here?",
        "Which objects do you see?",
        "What do you see?",
        "What structures are visible?",
        "What is in this region?",
    ),
    "defect": (
        "What defect is this?",
        "Which defect is this?",
        "Is there a defect? Which?",
        "What kind of defect do you see?",
        "What is wrong here?",
        "Which defects are visible?",
        "What type of defect is in this region?",
        "Name the defect.",
        "Are there defects, and which?",
        "defect type?",
    ),
    "present": (
        "Is there a defect?",
        "Is there any defect here?",
        "Any defects?",
        "Are there any defects?",
        "Do you see a defect?",
        "Is there a flaw?",
        "Is anything wrong here?",
    ),
    "where": (
        "Where is the defect?",
        "Where are the defects?",
        "Where does the defect lie?",
        "In which part of the picture is the defect?",
        "Locate the defect.",
        "Where do you see a defect?",
    ),
    "where kind": (
        "Where is the {kind}?",
        "Where are the {kinds}?",
        "Locate the {kind}.",
        "In which part of the picture is the {kind}?",
        "Where do you see the {kind}?",
        "where is this {kind}?",
    ),
    "how many defects": (
        "How many defects are there?",
        "How many defects do you see?",
        "Count the defects.",
        "Number of defects?",
        "How many flaws are there?",
    ),
    "how many kind": (
        "How many {kinds} are there?",
        "How many {kinds}?",
        "Count the {kinds}.",
        "How many {kinds} do you see?",
        "Number of {kinds}?",
    ),
    "how large": (
        "How large is the defect?",
        "How big is the defect?",
        "What size is the defect?",
        "How large is the {kind}?",
        "How big is the {kind}?",
        "What is the size of the {kind}?",
    ),
    "count": (
        "How many {objects} are there?",
        "How many {objects} do you see?",
        "How many {objects}?",
        "Count the {objects}.",
        "How many objects are there?",
        "Number of {objects}?",
        "How many are in view?",
    ),
    "size": (
        "How large are the {objects}?",
        "Are the {objects} small or large?",
        "What size are the {objects}?",
        "How big are the {objects}?",
        "How large are the objects?",
        "What is the size of the objects?",
    ),
    "density": (
        "How dense are the {objects}?",
        "How densely are they packed?",
        "Is it dense or sparse?",
        "What is the density?",
        "How much of the picture do the {objects} cover?",
        "Are the {objects} dense or sparse?",
    ),
    "orientation": (
        "Which way do the {objects} run?",
        "What is the orientation?",
        "How are the {objects} oriented?",
        "In which direction do they run?",
        "Is there a preferred orientation?",
        "Are the {objects} horizontal or vertical?",
    ),
    "contrast": (
        "What is the contrast?",
        "Are the {objects} bright or dark?",
        "Is it bright on dark or dark on bright?",
        "Do the {objects} look brighter than the background?",
        "Describe the contrast.",
        "What contrast do the {objects} have?",
    ),
    "arrangement": (
        "How are the {objects} arranged?",
        "What is the arrangement?",
        "Are the {objects} ordered?",
        "How are they distributed?",
        "Describe the arrangement of the {objects}.",
        "Is it an ordered array or random?",
    ),
    "shape": (
        "What shape are the {objects}?",
        "Which shape do the {objects} have?",
        "What shape are the objects?",
        "Describe the shape of the {objects}.",
    ),
    "describe": (
        "Describe this micrograph.",
        "Describe the image.",
        "Describe this region.",
        "What does this picture show?",
        "Write a caption.",
        "Give a short description.",
        "Summarise what you see.",
    ),
    "is there": (
        "Is there {a_kind}?",
        "Are there {kinds}?",
        "Any {kinds}?",
        "Do you see {a_kind}?",
        "Is this {a_kind}?",
        "Can you see any {kinds}?",
        "Does this region show {a_kind}?",
    ),
    "is sample": (
        "Is this a picture of {category}?",
        "Does this show {category}?",
        "Is this {category}?",
        "Are these {category}?",
    ),
    "and where": ("And where is it?", "Where is it?", "And where?", "where exactly?", "Where?"),
    "and how many": (
        "And how many are there?",
        "How many are there?",
        "How many?",
        "And how many?",
    ),
    "and how large": ("And how large is it?", "How big is it?", "And its size?", "How large?"),
    "and kind": ("And the {kind}?", "And where is the {kind}?", "What about the {kind}?"),
    "and is there": ("And {a_kind}?", "What about {kinds}?", "And any {kinds}?"),
}
"""Kind of question -> phrasings used in training."""

HELD_OUT: dict[str, tuple[str, ...]] = {
    "category": ("What sort of specimen is in this image?", "Tell me what this sample is."),
    "technique": ("With which microscope was this picture taken?",),
    "objects": ("Tell me what you can see here.", "Which structures are in this picture?"),
    "defect": ("Can you tell me which defect this is?", "What sort of flaw do you see here?"),
    "present": ("Does this region have a defect?", "Can you see any flaws?"),
    "where": ("Can you tell me where the defect is?", "At which place is the flaw?"),
    "where kind": ("Can you tell me where the {kind} is?", "Which part has the {kind}?"),
    "how many defects": ("What is the number of defects?",),
    "how many kind": ("What is the number of {kinds}?",),
    "how large": ("Can you tell me how large the defect is?",),
    "count": ("What is the number of {objects}?", "Can you count the {objects}?"),
    "size": ("Can you tell me the size of the {objects}?",),
    "density": ("Would you call the {objects} dense?", "How dense is it?"),
    "orientation": ("Which orientation do the {objects} have?",),
    "contrast": ("Which contrast does this picture have?",),
    "arrangement": ("In what arrangement are the {objects}?",),
    "shape": ("Can you tell me the shape of the {objects}?",),
    "describe": ("What do you see in this micrograph? Describe it.",),
    "is there": ("Does the picture have {a_kind}?", "Would you say there is {a_kind}?"),
    "is sample": ("Would you say this shows {category}?",),
    "and where": ("And in which place?",),
    "and how many": ("And how many do you see?",),
    "and how large": ("And how big?",),
    "and kind": ("And what about the {kind}?",),
    "and is there": ("And do you see {kinds}?",),
}
"""Kind of question -> phrasings never used in training."""

ROUGH_SHARE = 0.35
"""Share of training questions written as people type: lower case, no question mark, a typo."""

TYPO_SHARE = 0.25

FRAMES: tuple[str, ...] = (
    "Please tell me: {}",
    "Look at this region. {}",
    "In this image: {}",
    "I see something odd. {}",
    "Hello, {}",
    "{} Please.",
    "{} Thanks.",
    "{} Answer briefly.",
    "Can you tell me: {}",
    "My question: {}",
)
"""What people write around a question."""

FRAME_SHARE = 0.12


def phrase(
    kind: str,
    rng: np.random.Generator,
    fields: dict[str, str] | None = None,
    *,
    held_out: bool = False,
    rough: bool = True,
) -> str:
    """Put a question into words.

    Parameters
    ----------
    kind : str
        One of ``PHRASINGS``.
    rng : numpy.random.Generator
        Chooses the phrasing.
    fields : dict of str, optional
        What the phrasing may name: objects, kind, kinds, a_kind, category.
    held_out : bool
        Use a phrasing never seen in training, and no typing errors.
    rough : bool
        Sometimes write it as people type.
    """
    choices = HELD_OUT[kind] if held_out else PHRASINGS[kind]
    text = choices[int(rng.integers(len(choices)))].format_map(fields or {})
    if held_out or not rough:
        return text
    if rng.random() < FRAME_SHARE:
        text = FRAMES[int(rng.integers(len(FRAMES)))].format(text)
    return roughen(text, rng) if rng.random() < ROUGH_SHARE else text


def roughen(text: str, rng: np.random.Generator) -> str:
    """Write a question as people type: lower case, often no question mark, at times a typo."""
    result = text.lower()
    if rng.random() < 0.6:
        result = result.rstrip("?.")
    if rng.random() < TYPO_SHARE:
        words = result.split()
        long = [i for i, word in enumerate(words) if len(word) > 4]
        if long:
            i = long[int(rng.integers(len(long)))]
            words[i] = _typo(words[i], rng)
            result = " ".join(words)
    return result


def _typo(word: str, rng: np.random.Generator) -> str:
    """Exchange, drop or double one letter inside a word."""
    at = int(rng.integers(1, len(word) - 2))
    what = int(rng.integers(3))
    if what == 0:
        return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    if what == 1:
        return word[:at] + word[at + 1 :]
    return word[: at + 1] + word[at] + word[at + 1 :]

"""BLEU, ROUGE-L, METEOR and exact match against values worked out by hand."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.evaluation.meteor import WORDNET_FOLDERS, Meteor, load_wordnet
from napari_micrograph_vlm.evaluation.text_metrics import (
    bleu,
    bleu_counts,
    exact_match,
    rouge_l,
    words_of,
)

pytest.importorskip("nltk")


def test_words_are_lower_case_without_punctuation():
    assert words_of("An SEM image, close-packed: about 1.5 %.") == [
        "an", "sem", "image", "close-packed", "about", "1.5", "%",
    ]  # fmt: skip


def test_exact_match_looks_at_words_alone():
    assert exact_match("a crack, at the top", "A crack at the top.")
    assert not exact_match("a crack at the top", "a crack at the top left")
    assert not exact_match("no defect", "")


def test_bleu_by_hand():
    # 4 of 5 words; pairs a-crack, crack-at, at-the; triples 2; one four in a row; no brevity.
    counts = bleu_counts("a crack at the top", "a crack at the bottom")
    assert counts.tolist() == [5, 5, 4, 5, 3, 4, 2, 3, 1, 2]
    assert float(bleu(counts, 1)) == pytest.approx(4 / 5)
    assert float(bleu(counts)) == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)


def test_bleu_counts_a_repeated_word_once():
    assert bleu_counts("a crack", "a a a")[2] == 1


def test_bleu_of_a_corpus_has_one_brevity_penalty():
    counts = bleu_counts("a crack at the top", "a crack") + bleu_counts("no", "no")
    assert float(bleu(counts, 1)) == pytest.approx(math.exp(1 - 6 / 3))


def test_short_answers_add_no_long_n_grams():
    long = bleu_counts("a crack at the top", "a crack at the top")
    assert float(bleu(long + bleu_counts("no defect", "no defect"))) == 1
    assert np.isnan(bleu(bleu_counts("no", "no")))
    assert np.isnan(bleu(bleu_counts("no", "")))


def test_bleu_is_that_of_nltk_where_no_answer_is_short():
    from nltk.translate.bleu_score import corpus_bleu

    pairs = [
        ("a crack at the top left", "a crack at the top right"),
        ("an SEM image of dense grains, no defect", "an SEM image of dense grains with a crack"),
    ]
    counts = np.sum([bleu_counts(*pair) for pair in pairs], axis=0)
    theirs = corpus_bleu(
        [[words_of(truth)] for truth, _ in pairs], [words_of(said) for _, said in pairs]
    )
    assert float(bleu(counts)) == pytest.approx(theirs)


def test_rouge_l_by_hand():
    # "a ... at the top" of 6 and of 5 words.
    assert rouge_l("a crack at the top left", "a pore at the top") == pytest.approx(8 / 11)
    assert rouge_l("top the at", "at the top") == pytest.approx(1 / 3)
    assert rouge_l("no", "") == 0
    assert rouge_l("", "") == 1


def test_meteor_by_hand():
    meteor = Meteor(folders=())
    # Four of five words in two chunks: F = 0.8, penalty 0.5 (2 / 4)^3.
    score = meteor("a crack at the top", "a pore at the top")
    assert score == pytest.approx(0.8 * (1 - 0.5 * (2 / 4) ** 3))
    assert meteor("crack", "crack") == 0.5
    assert meteor("crack", "") == 0


@pytest.mark.skipif(
    not any((folder / "data.noun").is_file() for folder in WORDNET_FOLDERS),
    reason="the machine has no WordNet",
)
def test_synonyms_count_where_the_machine_has_wordnet():
    meteor = Meteor()
    assert meteor.name == "METEOR"
    assert meteor("a fast car", "a fast auto") > Meteor(folders=())("a fast car", "a fast auto")


def test_without_wordnet_the_name_says_so(monkeypatch):
    monkeypatch.setattr("napari_micrograph_vlm.evaluation.meteor._of_nltk", lambda: None)
    load_wordnet.cache_clear()
    assert Meteor(folders=(Path("nowhere"),)).name == "METEOR (exact and stem)"
    load_wordnet.cache_clear()


def test_without_nltk_there_is_advice(monkeypatch):
    monkeypatch.setitem(sys.modules, "nltk.translate.meteor_score", None)
    with pytest.raises(MicrographError, match="pip install"):
        Meteor()

"""Which frames a number, a text or a list stands for."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_micrograph_vlm.errors import QuestionError
from napari_micrograph_vlm.frames.choosing import (
    MOST_FRAMES,
    choose_frames,
    frames_of_text,
    frames_wanted,
    name_of_frame,
    text_of_frames,
)


@given(st.integers(1, 500), st.integers(1, 60))
def test_frames_are_chosen_evenly_with_first_and_last(count, most):
    chosen = choose_frames(count, most)
    assert len(chosen) == len(set(chosen)) == min(count, most)
    assert chosen == sorted(chosen)
    assert chosen[0] >= 0
    assert chosen[-1] < count
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (0, count - 1)
        steps = {b - a for a, b in pairwise(chosen)}
        assert max(steps) - min(steps) <= 1


def test_one_of_many_is_the_middle_one():
    assert choose_frames(9, 1) == [4]


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("3", [3]),
        ("3, 8, 20-23", [3, 8, 20, 21, 22, 23]),
        ("20–22; 3", [20, 21, 22, 3]),
        ("0-40:10", [0, 10, 20, 30, 40]),
        ("3, 3, 2-4", [3, 2, 4]),
        ("5 evenly", [0, 12, 25, 37, 49]),
    ],
)
def test_a_users_text_names_frames(text, frames):
    assert frames_of_text(text, 50) == frames


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Name at least one"),
        ("three", "“three” names no frame"),
        ("-1", "names no frame"),
        ("50", "There is no frame 50; the stack has frames 0 to 49."),
        ("8-3", "smaller number first"),
        ("0-9:0", "is no range"),
        ("0-49", "50 frames are too many"),
        ("1-999999999999999999999999", "There is no frame"),
        ("99999 evenly", "50 frames are too many"),
        ("0 evenly", "at least one frame"),
    ],
)
def test_what_is_wrong_with_a_text_is_told_in_one_sentence(text, told):
    with pytest.raises(QuestionError, match=told) as caught:
        frames_of_text(text, 50)
    assert str(caught.value).count(". ") == 0


@given(st.text(max_size=30))
@settings(max_examples=50)
def test_any_text_gives_frames_or_a_sentence(text):
    try:
        found = frames_of_text(text, 30)
    except QuestionError:
        return
    assert found
    assert all(0 <= frame < 30 for frame in found)


@given(st.lists(st.integers(0, 99), min_size=1, max_size=MOST_FRAMES, unique=True))
@settings(max_examples=50)
def test_frames_written_as_text_are_read_back(frames):
    assert frames_of_text(text_of_frames(frames), 100) == frames


@pytest.mark.parametrize(
    ("given_frames", "frames"),
    [(3, [0, 5, 9]), ([0, -1, 3], [0, 9, 3]), (range(2, 5), [2, 3, 4]), ("1, 2", [1, 2])],
)
def test_scripts_give_a_number_a_list_or_a_text(given_frames, frames):
    assert frames_wanted(given_frames, 10) == frames


@pytest.mark.parametrize("wrong", [True, 2.5, None, [], [1.5, "x"], [10], [-11], 0])
def test_nonsense_is_refused(wrong):
    with pytest.raises(QuestionError):
        frames_wanted(wrong, 10)


@pytest.mark.parametrize(
    ("axis", "name"),
    [
        ("z", "slice 7"),
        ("", "slice 7"),
        ("-3", "slice 7"),
        ("axis 0", "slice 7"),
        ("Time", "frame 7"),
        ("tilt angle", "tilt angle 7"),
    ],
)
def test_frames_are_called_by_their_axis(axis, name):
    assert name_of_frame(7, axis) == name

from __future__ import annotations

from typing import Any

import pytest

from models.tiny_models import bytes_tokenizer, llama_tokenizer
from napari_micrograph_vlm.models.transcript import Transcript


@pytest.fixture(scope="module", params=["llama", "bytes"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return {"llama": llama_tokenizer, "bytes": bytes_tokenizer}[request.param](["<end>"])


def _written(tokenizer: Any, tokens: list[int]) -> tuple[Transcript, list[str]]:
    pieces: list[str] = []
    transcript = Transcript(tokenizer, pieces.append)
    for token in tokens:
        transcript.push(token)
    transcript.finish()
    return transcript, pieces


@pytest.mark.parametrize(
    "text",
    [
        "There is a bridge, about 35.5 nm wide (12.5 µm).",
        "  naïve 🙂 µ  ",
        "裂纹 in 图像, close-packed",
        "two\nlines",
        "",
    ],
)
def test_pieces_add_up_to_the_text(tokenizer: Any, text: str) -> None:
    tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
    end = tokenizer.convert_tokens_to_ids("<end>")
    transcript, pieces = _written(tokenizer, [*tokens, end])
    assert transcript.text == "".join(pieces) == text.strip()
    assert not any("\ufffd" in piece for piece in pieces)


def test_words_have_their_places_and_tokens(tokenizer: Any) -> None:
    tokens = tokenizer("The bridge is 35.5 nm wide, 裂纹!", add_special_tokens=False)["input_ids"]
    transcript, _ = _written(tokenizer, tokens)
    places = transcript.words()
    words = [transcript.text[place.start : place.stop] for place in places]
    assert words == ["The", "bridge", "is", "35.5", "nm", "wide", "裂", "纹"]
    for place, word in zip(places, words, strict=True):
        assert word in tokenizer.decode([tokens[i] for i in place.tokens])
        assert place.tokens == tuple(range(place.tokens[0], place.tokens[-1] + 1))
    telling = [transcript.text[p.start : p.stop] for p in transcript.telling(places)]
    assert telling == ["bridge", "35.5", "nm", "wide", "裂", "纹"]
    assert transcript.telling(places[:1]) == places[:1]


def test_bytes_that_are_no_text_are_told_once_that_is_certain() -> None:
    tokenizer = llama_tokenizer([])
    names = ["▁a", "<0x69>", "<0x78>", "<0xD1>", "▁SEM", "<0xC2>", "<0xB5>", "m"]
    tokens = tokenizer.convert_tokens_to_ids(names)
    transcript, pieces = _written(tokenizer, tokens)
    assert transcript.text == "".join(pieces) == tokenizer.decode(tokens)
    assert pieces[0] == "a"
    places = transcript.words()
    assert [transcript.text[p.start : p.stop] for p in places] == ["a", "SEMµm"]
    assert places[1].tokens == (4, 5, 6, 7)

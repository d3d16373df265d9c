"""How often a teacher is wrong: the sample, the sheet, the verdicts, the counts."""

from __future__ import annotations

import base64
import io
import json
import re
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from napari_micrograph_vlm.datasets.audit.claims import claims_of, draw
from napari_micrograph_vlm.datasets.audit.counts import check_counts
from napari_micrograph_vlm.datasets.audit.sheet import write_sheet
from napari_micrograph_vlm.datasets.audit.verdicts import (
    error_rates,
    keep_verdicts,
    read_kept,
)
from napari_micrograph_vlm.datasets.labelled import read_labelled
from napari_micrograph_vlm.errors import SourceError
from napari_micrograph_vlm.intervals import wilson


def record(i, **changes):
    return {
        "image": f"images/{i}.png",
        "group": str(i),
        "technique": "SEM",
        "category": "particles",
        "count": 10,
        "defects": [{"kind": "crack", "where": "left"}, {"kind": "scratch", "where": None}],
        "description": "Round <b>particles</b> </script>.",
        "qa": [["How many particles are there?", "10"], ["Where are they?", "on the left"]],
        **changes,
    }


def write(folder, records):
    (folder / "teacher_labels.jsonl").write_text("\n".join(map(json.dumps, records)))
    return read_labelled(folder)


@pytest.fixture
def labelled(tmp_path):
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for i in range(20):
        Image.fromarray(rng.integers(0, 255, (300, 700), np.uint8)).save(
            tmp_path / f"images/{i}.png"
        )
    return write(tmp_path, [record(i) for i in range(20)])


def test_claims_of_a_record():
    found = {claim.kind: claim.said for claim in claims_of(record(0, technique=None) | {"qa": []})}
    assert found == {
        "category": "particles",
        "count": "10",
        "defects": "crack, left; scratch",
        "description": "Round <b>particles</b> </script>.",
    }


def test_the_sample_holds_as_many_of_each_kind(labelled):
    claims = draw(labelled.records, 21)
    assert Counter(Counter(claim.kind for claim in claims).values()) == {3: 7}
    assert draw(labelled.records, 21) == claims
    assert draw(labelled.records, 21, seed=1) != claims
    assert len(draw(labelled.records, 10_000)) == 20 * 7
    # Each picture is looked at once.
    images = [claim.image for claim in claims]
    assert len(set(images)) == sum(a != b for a, b in zip(["", *images], images, strict=False))


def test_a_rare_kind_is_drawn_whole(labelled):
    records = [*labelled.records, record(0) | {"scale_bar": "1 nm", "image": "images/1.png"}]
    assert sum(claim.kind == "scale bar" for claim in draw(records, 21)) == 1


def test_the_sheet_holds_everything_in_itself(labelled, tmp_path):
    claims = draw(labelled.records, 30)
    kept = {claims[0].id: {"verdict": "wrong"}}
    assert write_sheet(tmp_path / "audit.html", labelled, claims, kept) == []
    html = (tmp_path / "audit.html").read_text()
    assert html.count("</script>") == 1
    assert not re.search(r"(src|href)=|https?://|@import|url\(", html)
    data = json.loads(re.search(r"const data = (.*);\n", html)[1])
    assert sum(len(card["claims"]) for card in data["cards"]) == 30
    assert [c["verdict"] for card in data["cards"] for c in card["claims"]][:2] == ["wrong", ""]
    picture = Image.open(io.BytesIO(base64.b64decode(data["cards"][0]["url"].split(",")[1])))
    assert picture.size == (512, 219)


def test_broken_pictures_are_not_on_the_sheet(labelled, tmp_path):
    (tmp_path / "images/3.png").write_bytes(b"x")
    (line,) = write_sheet(tmp_path / "a.html", labelled, draw(labelled.records, 140), {})
    assert line.startswith("images/3.png: ")


def saved(path, claims, words):
    found = [
        {"id": c.id, "image": c.image, "kind": c.kind, "asked": c.asked, "said": c.said,
         "verdict": word, "more": 1}
        for c, word in zip(claims, words, strict=True)
    ]  # fmt: skip
    path.write_text(json.dumps({"folder": "x", "verdicts": found}))
    return path


def test_verdicts_are_kept_and_the_later_counts(labelled, tmp_path):
    claims = [c for c in draw(labelled.records, 140) if c.kind == "count"][:10]
    kept = tmp_path / "audit.jsonl"
    words = ["right"] * 6 + ["wrong"] * 3 + ["unsure"]
    assert keep_verdicts(saved(tmp_path / "v.json", claims, words), kept) == 10
    assert keep_verdicts(tmp_path / "v.json", kept) == 0
    assert keep_verdicts(saved(tmp_path / "v.json", claims[:1], ["wrong"]), kept) == 1
    with kept.open("a") as file:
        file.write('{"torn": ')
    (rate,) = error_rates(read_kept(kept).values())
    assert (rate.kind, rate.wrong, rate.judged, rate.unsure) == ("count", 4, 9, 1)
    assert rate.interval == wilson(4, 9)
    assert "44.4 % wrong (18.9 to 73.3 %), 4 of 9, 1 unsure" in rate.text()


def test_the_worst_kind_comes_first(labelled, tmp_path):
    claims = draw(labelled.records, 140)
    words = {"count": "wrong", "technique": "unsure"}
    path = saved(tmp_path / "v.json", claims, [words.get(c.kind, "right") for c in claims])
    keep_verdicts(path, tmp_path / "audit.jsonl")
    rates = error_rates(read_kept(tmp_path / "audit.jsonl").values())
    assert rates[0].kind == "count"
    assert {r.kind: r.share for r in rates}["technique"] is None


@pytest.mark.parametrize("text", ["", "{}", '{"verdicts": [{"id": "a"}]}', "[]"])
def test_a_file_without_verdicts(tmp_path, text):
    (tmp_path / "v.json").write_text(text)
    with pytest.raises(SourceError, match="no verdicts"):
        keep_verdicts(tmp_path / "v.json", tmp_path / "audit.jsonl")
    with pytest.raises(SourceError, match="cannot be read"):
        keep_verdicts(tmp_path / "none.json", tmp_path / "audit.jsonl")


def test_counts_beside_masks(tmp_path):
    (tmp_path / "instances").mkdir()
    true = {0: 10, 1: 10, 2: 10, 3: 10, 4: 50, 5: 3}
    for i, n in true.items():
        ids = np.zeros((10, 10), np.uint16)
        ids.flat[: 2 * n : 2] = np.arange(n) + 1
        Image.fromarray(ids).save(tmp_path / f"instances/{i}.png")
    said = {0: 10, 1: 11, 2: 15, 3: 10, 4: "many", 5: None}
    records = [record(i, count=n) for i, n in said.items()]
    records += [record(0, category="fibres", count=1), record(9, count=1)]
    check = check_counts(write(tmp_path, records))
    figures = check.to_dict()
    assert figures["n"] == 4
    assert figures["exact"] == 0.5
    assert figures["within_20_percent"] == 0.75
    assert figures["median_relative_error"] == pytest.approx(0.05)
    low, high = figures["median_interval"]
    assert 0 <= low <= 0.05 <= high <= 0.5
    assert check.not_counted == {"many": [50]}
    text = "\n".join(check.lines())
    assert "all (4 pictures): exact 50.0 % (15.0 to 85.0 %)" in text
    assert "'many' instead of a number: pictures 1, particles in them 50 to 50" in text


def test_counts_that_masks_denied_are_compared_too(tmp_path):
    (tmp_path / "counts.csv").write_text("id,particles\n0,10\n1,10\n2,8\n3,10\n")
    denial = {"count: the truth says otherwise": 1}
    records = [
        record(0, count=11),
        record(1, count=None, denied={"count": [30, 10]}, dropped=denial),
        record(2, count=None, denied={"count": ["many", 8]}, dropped=denial),
        record(3, count=None, dropped=denial),  # of an older version
    ]
    check = check_counts(write(tmp_path, records))
    assert check.said.tolist() == [11, 30]
    assert check.not_counted == {"many": [8]}
    assert (check.denied, check.forgotten) == (2, 1)
    assert check.to_dict()["median_relative_error"] == pytest.approx(1.05)
    text = "\n".join(check.lines())
    assert "2 of these were dropped" in text
    assert "1 more were dropped" in text


def test_a_mask_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "instances").mkdir()
    (tmp_path / "instances/0.png").write_bytes(b"no mask")
    Image.fromarray(np.arange(11, dtype=np.uint8)[None]).save(tmp_path / "instances/1.png")
    check = check_counts(write(tmp_path, [record(0), record(1)]))
    assert check.said.tolist() == [10]
    (line,) = check.broken
    assert line.startswith("images/0.png: The mask ")


def test_verdicts_are_not_written_into_another_file(labelled, tmp_path):
    saved(tmp_path / "v.json", draw(labelled.records, 1), ["right"])
    (tmp_path / "notes.jsonl").write_text("Notes of Monday")
    for name in ("images/0.png", "notes.jsonl"):
        before = (tmp_path / name).read_bytes()
        with pytest.raises(SourceError, match="choose"):
            keep_verdicts(tmp_path / "v.json", tmp_path / name)
        assert (tmp_path / name).read_bytes() == before


def test_a_folder_without_masks_has_no_figures(labelled):
    check = check_counts(labelled)
    assert check.lines() == []
    assert check.to_dict()["median_relative_error"] is None

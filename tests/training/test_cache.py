"""The cache: pictures come back as they were written, masks land on the right tokens."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_micrograph_vlm.datasets.facts import DefectFact, Facts
from napari_micrograph_vlm.training.shards import (
    GRID,
    Picture,
    ViewGrid,
    read_shards,
    token_shares,
    write_shard,
)

WHOLE = ViewGrid(4, 4)
TILES = tuple(
    ViewGrid(4, 4, (i / 2, j / 2, (i + 1) / 2, (j + 1) / 2)) for i in (0, 1) for j in (0, 1)
)


def mask_of(y0, x0, y1, x1, shape=(128, 128)):
    mask = np.zeros(shape, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_pictures_come_back(tmp_path):
    mask = mask_of(0, 0, 32, 32)
    facts = Facts(
        category="powder",
        count=4,
        defects=(DefectFact("pore", mask), DefectFact("crack", None, "at the top")),
        object_mask=mask,
        qa=(("What?", "This"),),
    )
    features = np.arange(16 * 3, dtype=np.float16).reshape(16, 3)
    write_shard(tmp_path, "a", [Picture(features, (WHOLE,), facts), Picture(features, TILES[:1],
                                                                           Facts())])  # fmt: skip
    found = read_shards(tmp_path)["a"]
    np.testing.assert_array_equal(found[0].features, features)
    assert found[0].views == (WHOLE,)
    assert found[1].views == TILES[:1]
    back = found[0].facts
    assert (back.category, back.count, back.qa) == ("powder", 4, (("What?", "This"),))
    assert [d.kind for d in back.defects] == ["pore", "crack"]
    assert back.defects[1].where == "at the top"
    np.testing.assert_array_equal(back.defects[0].mask, mask_of(0, 0, 24, 24, (GRID, GRID)))
    assert found[1].facts.defects is None
    assert found[1].facts.object_mask is None


def test_what_is_known_of_the_picture_comes_back(tmp_path):
    facts = Facts(
        object_size=0.125,
        coverage=0.5,
        quality=("noisy", "drift"),
        through=False,
        field_of_view_nm=1500.0,
        information_bar=True,
        aspect=1.5,
    )
    clean = Facts(quality=())
    features = np.zeros((16, 3), np.float16)
    write_shard(tmp_path, "a", [Picture(features, (WHOLE,), f) for f in (facts, clean)])
    back, empty = (p.facts for p in read_shards(tmp_path)["a"])
    assert (back.object_size, back.coverage, back.aspect) == (0.125, 0.5, 1.5)
    assert back.quality == ("noisy", "drift")
    assert back.through is False
    assert back.information_bar is True
    assert back.field_of_view_nm == 1500.0
    assert empty.quality == ()  # clean, which is not unknown


def test_older_records_leave_unknown_what_they_lack(tmp_path):
    features = np.zeros((8, 3), np.float16)
    write_shard(tmp_path, "a", [Picture(features, (ViewGrid(2, 4),), Facts(category="powder"))])
    path = tmp_path / "a.json"
    (record,) = json.loads(path.read_text())
    known = {"category", "count", "source", "qa", "object_mask"}
    record["facts"] = {k: v for k, v in record["facts"].items() if k in known}
    path.write_text(json.dumps([record]))
    facts = read_shards(tmp_path)["a"][0].facts
    assert facts.category == "powder"
    unknown = (facts.object_size, facts.coverage, facts.quality, facts.through,
               facts.field_of_view_nm, facts.information_bar)  # fmt: skip
    assert unknown == (None,) * 6
    # The proportions of the picture are those of its whole view.
    assert facts.aspect == 2.0


def test_a_good_picture_is_not_an_unknown_one(tmp_path):
    features = np.zeros((16, 3), np.float16)
    write_shard(tmp_path, "a", [Picture(features, (WHOLE,), Facts(defects=()))])
    assert read_shards(tmp_path)["a"][0].facts.defects == ()


def test_unfinished_and_known_shards_are_left_out(tmp_path):
    features = np.zeros((16, 3), np.float16)
    for name in ("a", "b"):
        write_shard(tmp_path, name, [Picture(features, (WHOLE,), Facts())])
    (tmp_path / "b.json").unlink()
    assert list(read_shards(tmp_path)) == ["a"]
    assert read_shards(tmp_path, known=["a"]) == {}


@pytest.mark.parametrize("side", [128, 32, 500])
def test_shares_lie_where_the_mask_is(side):
    quarter = side // 4
    mask = mask_of(0, quarter, quarter, 3 * quarter, (side, side))
    shares = token_shares(mask, [WHOLE]).reshape(4, 4)
    np.testing.assert_allclose(shares[0], [0, 0.5, 0.5, 0], atol=1e-6)
    assert shares[1:].sum() == 0


def test_tiles_see_their_part_of_the_mask():
    mask = mask_of(0, 96, 32, 128)
    shares = token_shares(mask, [WHOLE, *TILES])
    assert shares.sum() == pytest.approx(1)
    views = shares.reshape(5, 4, 4)
    assert views[0, 0, 3] == pytest.approx(0.5)
    # The top right tile shows the corner twice as large.
    assert views[2].sum() == pytest.approx(0.5)
    assert views[2, :2, 2:].sum() == pytest.approx(0.5)
    assert views[[1, 3, 4]].sum() == 0


def test_an_empty_mask_has_no_share():
    assert token_shares(mask_of(0, 0, 0, 0), [WHOLE]).sum() == 0

from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from math import isnan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_micrograph_vlm.errors import MicrographError
from napari_micrograph_vlm.labelling.label_sets import LabelClass, LabelSet
from napari_micrograph_vlm.results import AttentionMap
from napari_micrograph_vlm.runs.findings import Finding, Said, Status
from napari_micrograph_vlm.runs.items import Item
from napari_micrograph_vlm.runs.journal import Journal
from napari_micrograph_vlm.runs.journal_lock import file_system_of, mode_for
from runs.making import AWKWARD, finding, run, task


def test_a_finding_comes_back_as_it_was_written(tmp_path):
    given = finding()
    with Journal.create(tmp_path / "a.journal", run()) as journal:
        journal.add(given)
    with Journal.open(tmp_path / "a.journal") as journal:
        found = journal.finding("a")
    for name in set(vars(given)) - {"maps", "said"}:
        assert getattr(found, name) == getattr(given, name), name
    assert [one.text for one in found.said] == ["A pore.", "There."]
    assert found.said[0].confidence == 0.5
    assert isnan(found.said[1].confidence)
    assert found.maps[0].method == "fake"
    np.testing.assert_allclose(found.maps[0].values, given.maps[0].values, rtol=1e-3)
    assert found.maps[0].values.sum() == pytest.approx(given.maps[0].values.sum(), rel=1e-6)


def test_a_run_comes_back_with_its_label_set(tmp_path):
    classes = tuple(LabelClass(name, f"Looks like {name}") for name in AWKWARD)
    given = run(task=replace(task("Q?", 'A "б"?'), label_set=LabelSet("моё", classes)))
    with Journal.create(tmp_path / "a.journal", given):
        pass
    with Journal.open(tmp_path / "a.journal") as journal:
        assert journal.run == given
        assert journal.run.digest == given.digest


@given(
    best=st.text(st.characters(exclude_categories=["Cs"])),
    text=st.text(),
    error=st.text(st.characters(exclude_categories=["Cs"])),
    probability=st.floats(0, 1) | st.just(float("nan")),
    side=st.integers(1, 40),
)
def test_whatever_a_model_says_can_be_kept(best, text, error, probability, side):
    values = np.full((side, 1), 1 / side, np.float32)
    given = Finding(
        Item("k", "s"),
        error=error,
        best=best,
        probability=probability,
        probabilities={best: probability},
        said=(Said(text, text, probability),),
        maps=(AttentionMap(values, best),),
    )
    with Journal.create(":memory:", run()) as journal:
        journal.add(given)
        found = journal.finding("k")
    assert (found.best, found.error, found.said[0].text) == (best, error, text)
    assert repr(found.probability) == repr(probability)
    assert list(found.probabilities) == [best]
    np.testing.assert_allclose(found.maps[0].values, values, rtol=1e-3)


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_labels_are_kept_letter_by_letter(tmp_path, name):
    with Journal.create(tmp_path / "a.journal", run()) as journal:
        journal.add(finding(best=name, probabilities={name: 1.0}))
        journal.correct("a", name)
    with Journal.open(tmp_path / "a.journal") as journal:
        found = journal.finding("a")
    assert (found.best, found.final, list(found.probabilities)) == (name, name, [name])


def test_a_name_that_is_no_text_can_be_kept():
    with Journal.create(":memory:", run()) as journal:
        journal.add(Finding(Item("bad\\udcff", "bad\udcff"), Status.SKIPPED, "no \udcff text"))
        (found,) = journal.findings()
    assert found.item.source == "bad\udcff"
    assert found.error == "no \\udcff text"


def test_the_same_item_is_kept_once(tmp_path):
    with Journal.create(tmp_path / "a.journal", run()) as journal:
        journal.add(finding(best="pore"))
        journal.add(finding(best="crack"), finding("b"))
        assert len(journal) == 2
        assert journal.finding("a").best == "pore"
        assert len(journal.finding("a").maps) == 1
        assert journal.done() == {"a", "b"}


def test_findings_are_listed_in_order_and_by_key():
    with Journal.create(":memory:", run()) as journal:
        keys = [f"k{i}" for i in range(450)]
        journal.add(*(Finding(Item(key, "s")) for key in keys))
        assert [one.item.key for one in journal.findings()] == keys
        wanted = ["k3", "missing", "k400", "k1"]
        assert [one.item.key for one in journal.findings(wanted)] == ["k3", "k400", "k1"]
        assert journal.finding("missing") is None


def test_light_findings_have_no_pictures():
    with Journal.create(":memory:", run()) as journal:
        journal.add(finding())
        (light,) = journal.findings(pictures=False)
    assert (light.maps, light.thumbnail, light.best) == ((), b"", "pore")


def test_findings_are_counted_by_status():
    with Journal.create(":memory:", run()) as journal:
        assert journal.counts() == {"done": 0, "skipped": 0}
        journal.add(finding(), Finding(Item("b", "b"), Status.SKIPPED, "broken"))
        assert journal.counts() == {"done": 1, "skipped": 1}


def test_what_was_skipped_can_be_looked_at_again():
    with Journal.create(":memory:", run()) as journal:
        journal.add(finding(), Finding(Item("b", "b"), Status.SKIPPED, "broken"))
        assert journal.forget() == 1
        assert journal.done() == {"a"}


def test_a_correction_stays_whatever_a_later_run_writes(tmp_path):
    path = tmp_path / "a.journal"
    with Journal.create(path, run()) as journal:
        journal.add(finding())
        journal.correct("a", "scratch")
    with Journal.create(path, run()) as journal:
        assert journal.resumed
        journal.add(finding(best="crack", corrected="dust"))
        found = journal.finding("a")
    assert (found.best, found.corrected, found.final) == ("pore", "scratch", "scratch")
    assert found.reviewed


def test_a_correction_outlives_looking_again(tmp_path):
    with Journal.create(tmp_path / "a.journal", run()) as journal:
        journal.add(Finding(Item("b", "b"), Status.SKIPPED, "broken"))
        journal.correct("b", "scratch")
        journal.forget()
        journal.add(finding("b"))
        assert journal.finding("b").final == "scratch"


def test_a_correction_can_be_taken_back():
    with Journal.create(":memory:", run()) as journal:
        journal.add(finding())
        journal.correct("a", "scratch")
        journal.correct("a", "")
        assert journal.finding("a").final == "pore"
        journal.review("a", False)
        assert not journal.finding("a").reviewed


def test_nothing_is_said_about_an_item_that_is_not_there():
    with (
        Journal.create(":memory:", run()) as journal,
        pytest.raises(MicrographError, match="nothing about 'z'"),
    ):
        journal.correct("z", "pore")


def test_corrections_are_written_while_a_run_writes(tmp_path):
    path = tmp_path / "a.journal"
    with Journal.create(path, run()) as writing:
        writing.add(finding("first"))
        with Journal.open(path) as reading:
            work = threading.Thread(
                target=lambda: [writing.add(finding(f"k{i}")) for i in range(40)]
            )
            work.start()
            for i in range(20):
                reading.correct("first", f"class {i}")
                assert reading.finding("first").final == f"class {i}"
            work.join()
            assert len(reading) == 41
        assert writing.finding("first").final == "class 19"


def test_a_second_run_on_one_journal_is_refused(tmp_path):
    path = tmp_path / "a.journal"
    with Journal.create(path, run()) as first:
        with pytest.raises(MicrographError, match="Another run writes to"):
            Journal.create(path, run())
        first.add(finding())
    with Journal.create(path, run()) as again:
        assert again.resumed


def test_only_its_run_adds_to_a_journal(tmp_path):
    Journal.create(tmp_path / "a.journal", run()).close()
    with (
        Journal.open(tmp_path / "a.journal") as journal,
        pytest.raises(MicrographError, match="only its run adds"),
    ):
        journal.add(finding())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task": task("What is it?", labels=["pore", "hole"])}, "other classes"),
        ({"task": task("What else?")}, "other questions"),
        ({"task": task("What is it?", threshold=0.5)}, "other settings"),
        ({"source": {"kind": "test", "tiles": 3}}, "other pictures or tiles"),
        ({"task": task("Why?", labels=["a", "b"])}, "other questions and other classes"),
    ],
)
def test_another_run_is_refused_and_told_why(tmp_path, changes, words):
    Journal.create(tmp_path / "a.journal", run()).close()
    with pytest.raises(MicrographError, match=f"a run with {words}; name another file"):
        Journal.create(tmp_path / "a.journal", run(**changes))
    Journal.create(tmp_path / "a.journal", run()).close()  # the lock was let go of


def test_going_on_can_be_refused(tmp_path):
    Journal.create(tmp_path / "a.journal", run()).close()
    with pytest.raises(MicrographError, match="holds this run already"):
        Journal.create(tmp_path / "a.journal", run(), resume=False)


def test_a_file_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "a.journal"
    path.write_text("my notes, which are worth keeping")
    for make in (Journal.open, lambda p: Journal.create(p, run())):
        with pytest.raises(MicrographError, match="is no journal of a run"):
            make(path)
    assert path.read_text() == "my notes, which are worth keeping"


def test_the_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "a.journal"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE run (whole TEXT)")
    connection.commit()
    connection.close()
    for make in (Journal.open, lambda p: Journal.create(p, run())):
        with pytest.raises(MicrographError, match="is no journal of a run"):
            make(path)


def test_a_damaged_journal_is_said_to_be_so(tmp_path):
    path = tmp_path / "a.journal"
    with Journal.create(path, run()) as journal:
        journal.add(*(finding(f"k{i}") for i in range(50)))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xaa" * 40_000)
    with pytest.raises(MicrographError, match="is damaged"), Journal.open(path) as journal:
        list(journal.findings())


def test_a_journal_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "a.journal"
    Journal.create(path, run()).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(MicrographError, match="newer version"):
        Journal.open(path)


def test_a_journal_that_was_killed_before_it_began_is_begun(tmp_path):
    path = tmp_path / "a.journal"
    path.touch()
    with pytest.raises(MicrographError, match="had not begun"):
        Journal.open(path)
    with Journal.create(path, run()) as journal:
        assert not journal.resumed


def test_a_missing_journal_is_not_made_by_opening_it(tmp_path):
    with pytest.raises(MicrographError, match="There is no journal"):
        Journal.open(tmp_path / "a.journal")
    assert not list(tmp_path.iterdir())


def test_a_closed_journal_says_so():
    journal = Journal.create(":memory:", run())
    journal.close()
    journal.close()
    with pytest.raises(MicrographError, match="was closed"):
        journal.add(finding())


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "apfs", "NTFS", "tmpfs", "overlay"])
def test_disks_of_this_computer_get_a_write_ahead_log(kind):
    assert mode_for(kind) == "wal"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "lustre", ""])
def test_shares_and_unknown_disks_get_a_rollback_journal(kind):
    assert mode_for(kind) == "delete"


def test_the_file_system_is_that_of_the_longest_mount_point(tmp_path):
    real = tmp_path.resolve()
    mounts = [("/", "ext4"), (str(real / "share"), "nfs4"), (str(real / "sha"), "xfs")]
    assert file_system_of(real / "share" / "x" / "a.journal", mounts) == "nfs4"
    assert file_system_of(real / "share2" / "a.journal", mounts) == "ext4"
    assert file_system_of(real / "a.journal", []) == ""
    (real / "link").symlink_to(real / "share")
    assert file_system_of(real / "link" / "a.journal", mounts) == "nfs4"


@pytest.mark.parametrize("mode", ["wal", "delete"])
def test_both_modes_are_safe_to_lose_power_in(tmp_path, monkeypatch, mode):
    monkeypatch.setattr("napari_micrograph_vlm.runs.journal.journal_mode", lambda _path: mode)
    with Journal.create(tmp_path / "a.journal", run()) as journal:
        journal.add(finding())
        with Journal.open(tmp_path / "a.journal") as other:
            other.correct("a", "crack")
        ((found,),) = journal.fetch("PRAGMA journal_mode")
        ((synchronous,),) = journal.fetch("PRAGMA synchronous")
        assert (found, synchronous) == (mode, 2)
        assert journal.finding("a").final == "crack"

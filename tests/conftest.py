"""Lets every test import ``fakes``, shares the processors, and keeps a user's own data out."""

import os

import pytest

if os.environ.get("PYTEST_XDIST_WORKER"):
    # Before torch is imported: two processes that spin on all cores are slower than one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def no_data_of_the_user(monkeypatch, tmp_path_factory):
    """What the plugin remembers (indexes, label sets, models of one's own) begins empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data-of-nobody"))

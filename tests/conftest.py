"""Lets every test import ``fakes``, and shares the processors among test processes."""

import os

if os.environ.get("PYTEST_XDIST_WORKER"):
    # Before torch is imported: two processes that spin on all cores are slower than one.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

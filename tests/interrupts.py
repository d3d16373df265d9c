"""Ctrl-C in a process of its own."""

from __future__ import annotations

import signal


def heed_ctrl_c():
    """Undo what a shell does to commands in the background: they, and all they start, ignore it.

    For ``preexec_fn``.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)

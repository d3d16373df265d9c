"""Findings of files that were replaced since: they are looked at again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from .journal import Journal

__all__ = ["take_out_changed"]


def take_out_changed(journal: Journal, states: Mapping[str, str]) -> int:
    """Take out findings of files that are no longer what they were; return how many.

    What a person said about one is kept: under a key that ends in "(replaced)".

    Parameters
    ----------
    journal : Journal
        Open to be written.
    states : mapping of str to str
        Key of each item whose file is known, and :attr:`.items.Item.state` of it now.
    """
    rows = journal.fetch("SELECT key, item FROM findings") if states else []
    gone = []
    for key, text in rows:
        item = json.loads(text)
        before, now = item.get("state"), states.get(key)
        if before and now and before != now:
            gone.append((key, item))
    if not gone:
        return 0
    taken = {key for key, _text in rows}
    with journal.transaction() as connection:
        for key, item in gone:
            said = connection.execute("SELECT 1 FROM judgements WHERE key = ?", (key,)).fetchone()
            if said is None:
                for table in ("maps", "findings"):
                    connection.execute(f"DELETE FROM {table} WHERE key = ?", (key,))
                continue
            new, number = f"{key} (replaced)", 1
            while new in taken:
                number += 1
                new = f"{key} (replaced {number})"
            taken.add(new)
            for table in ("maps", "findings", "judgements"):
                connection.execute(f"UPDATE {table} SET key = ? WHERE key = ?", (new, key))
            text = json.dumps({**item, "key": new}, ensure_ascii=True)
            connection.execute("UPDATE findings SET item = ? WHERE key = ?", (text, new))
    return len(gone)

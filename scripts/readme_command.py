"""Print one of the README's commands, so that CI runs what readers are told to run.

Usage: ``python3 scripts/readme_command.py demo|test``. Needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def readme_command(name: str) -> str:
    """Return the command under ``<!-- command: name -->``."""
    text = README.read_text(encoding="utf-8")
    found = re.search(rf"<!-- command: {re.escape(name)} -->\n```bash\n(.+)\n```", text)
    if found is None:
        raise SystemExit(f"README.md has no command {name!r}.")
    return found[1]


if __name__ == "__main__":
    print(readme_command(sys.argv[1]))

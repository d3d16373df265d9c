"""The benchmark of batch runs still runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not (ROOT / "benchmarks").is_dir(), reason="an archive without benchmarks")
def test_the_small_benchmark_compares_all_it_should(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "throughput", "--small"]
    command += ["--json", str(tmp_path / "rows.json")]
    paths = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": paths},
        check=True,
        capture_output=True,
        timeout=280,
    )
    rows = json.loads((tmp_path / "rows.json").read_text())
    against = [row["against"] for row in rows]
    assert against.count("bare model, same batches") == 2
    assert "one at a time" in against
    assert sum("pipeline" in one for one in against) == 3
    assert all(row["value"] > 0 for row in rows)
    memory = next(row for row in rows if row["unit"] == "MB")
    assert memory["reference"] <= memory["value"] * 1.5

"""The tutorial's commands, in its order, at small size and beside a teacher of our own."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from chat_server import ChatServer

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
MARKED = re.compile(r"<!-- tutorial -->\n```bash\n(.+?)\n```", re.DOTALL)
SERVER = "http://127.0.0.1:8000/v1"
QUICK = {
    "images": 6,
    "validation_images": 4,
    "steps": 2,
    "images_a_step": 4,
    "rows_an_image": 2,
    "processes": 1,
}
SMALLER = {
    "--images 200": "--images 16 --size 96",
    "--sample 100": "--sample 10",
    "--output my-student": "--output my-student --config quick.json --init {student}",
}


@pytest.mark.timeout(600)
def test_the_tutorial_leads_from_images_to_a_student(run, tmp_path, monkeypatch):
    from napari_micrograph_vlm.models.catalog import STUDENT

    monkeypatch.chdir(tmp_path)
    Path("quick.json").write_text(json.dumps(QUICK), encoding="utf-8")
    commands = MARKED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(commands) == 7
    said = []
    with ChatServer() as server:
        for command in commands:
            for large, small in SMALLER.items():
                command = command.replace(large, small.format(student=STUDENT.path))
            program, *arguments = shlex.split(command.replace(SERVER, server.url))
            assert program == "napari-micrograph-vlm"
            code, out, err = run(*arguments)
            assert code == 0, (command, err)
            said.append(out)
    assert Path("practice/images/audit.html").is_file()
    assert (Path("my-student") / "model.safetensors").is_file()
    assert "my-student" in said[4]
    assert said[5].strip()
    assert list(Path("my-dataset").rglob("*.parquet"))

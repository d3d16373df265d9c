"""What the README tells readers to run is what CI runs."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(
    not (ROOT / "README.md").is_file(), reason="not run in a clone of the repository"
)


def command(name):
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "readme_command.py", name],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_ci_runs_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "scripts/readme_command.py test" in script
    # Split at its last "&&": set-up first, the tests last.
    assert 'eval "${command% && *}"' in script
    assert 'eval "${command##* && }"' in script
    assert script.rstrip().endswith('eval "${command##* && }"')


@pytest.mark.parametrize(
    ("name", "end"), [("demo", "napari-micrograph-vlm demo"), ("test", "pytest -n auto")]
)
def test_each_command_is_one_line_with_every_step(name, end):
    steps = command(name).split(" && ")
    assert "\n" not in command(name)
    assert steps[-1] == end
    assert "apt-get install -y python3-venv" in steps[1]
    assert steps[2:5] == [
        "python3 -m venv .venv",
        ". .venv/bin/activate",
        "pip install torch==2.13.0",
    ]
    assert steps[5].startswith("pip install -c constraints.txt -e ")


def test_both_commands_install_the_same_libraries():
    demo, test = (set(command(name).split(" && ")[1].split()) for name in ("demo", "test"))
    assert test - demo == {"xvfb"}
    assert demo <= test


def test_the_extras_named_exist():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = "".join(
        path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    )
    named = {extra for group in re.findall(r'"?\.\[([\w,]+)\]', text) for extra in group.split(",")}
    assert named
    assert named <= set(project["optional-dependencies"])


def test_constraints_pin_what_the_package_needs_but_torch():
    pins = {
        line.split("==")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith("#")
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.match(r"[\w-]+", line)[0].lower() for line in project["dependencies"]}
    assert needed - pins == {"torch"}


def test_documentation_speaks_of_no_particular_machine():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]:
        assert not re.search(r"/(work|root|home|tmp)/", path.read_text(encoding="utf-8")), path

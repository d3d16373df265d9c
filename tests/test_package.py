"""What the package promises about itself: cheap to import, a core without a window, small files."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import napari_micrograph_vlm as package

SOURCE = Path(package.__file__).parent
WINDOW_ROOMS = ("viewer", "widgets")
LONGEST_MODULE = 400

BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in {'napari', 'qtpy', 'PyQt5', 'PyQt6', 'PySide6', 'superqt',
                                  'magicgui', 'vispy'}:
            raise AssertionError(f'{name} is imported')
sys.meta_path.insert(0, Blocker())
"""


def core_modules():
    names = []
    for path in sorted(SOURCE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        if parts[0] in WINDOW_ROOMS or parts[-1] == "__main__":
            continue
        names.append(".".join((package.__name__, *parts)).removesuffix(".__init__"))
    return names


def test_import_is_cheap():
    code = (
        "import sys, napari_micrograph_vlm as package\n"
        "heavy = {'torch', 'transformers', 'napari', 'qtpy', 'pandas', 'skimage', 'numpy'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_core_imports_neither_napari_nor_qt():
    # Training alone needs packages of an extra that a user of the plugin does not install.
    code = (
        f"{BLOCKER}\nimport importlib\n"
        f"for name in {core_modules()!r}:\n"
        "    try:\n"
        "        importlib.import_module(name)\n"
        "    except ModuleNotFoundError as error:\n"
        "        if '.training' not in name and '.evaluation' not in name: raise\n"
        "        if error.name.split('.')[0] not in {'sklearn', 'tqdm'}: raise\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE))
)
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_the_public_names_can_be_had():
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError):
        package.nothing  # noqa: B018


def test_the_version_is_the_installed_one():
    assert package.__version__ == metadata.version("napari-micrograph-vlm")


def test_typed():
    assert (SOURCE / "py.typed").is_file()

"""`import ivos` is cheap, and every public name is there."""

import subprocess
import sys

import pytest

import ivos


def in_fresh_python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_importing_ivos_and_its_value_objects_imports_no_torch():
    heavy = "print(*sorted({'torch', 'av', 'PIL', 'tyro', 'skimage', 'scipy'} & set(sys.modules)))"
    assert in_fresh_python(f"import sys, ivos; ivos.Scribble(1, [(0, 0)]); ivos.IvosError; dir(ivos); {heavy}") == []
    help_only = "import sys\nfrom ivos.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    assert in_fresh_python(help_only + "print('torch' in sys.modules)")[-1] == "False"


def test_every_public_name_resolves_and_is_listed():
    for name in ivos.__all__:
        assert getattr(ivos, name) is not None
        assert name in dir(ivos)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nonsense"):
        _ = ivos.nonsense

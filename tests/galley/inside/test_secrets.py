"""What a kernel that was started does with the open file that it finds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from galley.inside import probe, secrets
from galley.run.zygotes import handed_over

from .kernels import run, text

VALUES = {"warehouse": "tr0ub4dor"}


@pytest.fixture
def values() -> Iterator[int]:
    """The number of the file in which the values wait."""
    with handed_over(VALUES) as file:
        yield file


@pytest.fixture
def given(tmp_path: Path, values: int) -> dict[str, str]:
    """The variables of a kernel whose values wait for it."""
    (tmp_path / "in").mkdir()
    return {**secrets.prepare(tmp_path / "in"), secrets.VARIABLE: str(values)}


CELLS = (
    "print(sorted(name for name in globals() if 'galley' in name))",
    "import galley, os\nprint(galley.secret('warehouse') == 'tr0ub4dor', galley.__version__)",
    "print([name for name in os.environ if name.startswith('GALLEY_')])",
    "galley.secret('other')",
)


def test_the_values_are_there_once_and_nothing_else_is(
    tmp_path: Path, given: dict[str, str], values: int
) -> None:
    cells = run(tmp_path, CELLS, given, files=(values,), allow_errors=True)
    assert text(cells[0]) == "[]\n"
    assert text(cells[1]).startswith("True 0.")
    assert text(cells[2]) == "[]\n"
    assert "not given a secret 'other' (it has: warehouse)" in text(cells[3])
    kept = [path for path in (tmp_path / "in").rglob("*") if path.is_file()]
    assert not any(b"tr0ub4dor" in path.read_bytes() for path in kept)


def test_beside_a_probe(tmp_path: Path, values: int) -> None:
    output = tmp_path / "snapshots"
    probed = probe.prepare(tmp_path / "probe", after={1: 0}, output=output)
    (tmp_path / "in").mkdir()
    added = secrets.prepare(tmp_path / "in", Path(probed["IPYTHONDIR"]))
    code = (
        "import galley\nvalue = galley.secret('warehouse')\nurl = f'db://me:{value}@host'\n"
        "nested = {'login': [('me', value)]}\nraw = value.encode()\nlength = len(value)"
    )
    given = {**probed, **added, secrets.VARIABLE: str(values)}
    run(tmp_path, [code], given, files=(values,))
    taken = json.loads((output / "0.json").read_text())
    assert set(taken["names"]) == {"galley", "length"}, "a digest would be a way to guess it"


def test_where_galley_is_not_installed(given: dict[str, str], values: int) -> None:
    startup = Path(given["IPYTHONDIR"]) / "profile_default" / "startup" / "00-galley-secrets.py"
    code = (
        f"exec(open({str(startup)!r}).read())\n"
        "import galley\nfrom galley import secret\n"
        "assert secret is galley.secret and '_galley_start' not in dir()\n"
        "print(galley.secret('warehouse'))\n"
        "try:\n    import galley.client\nexcept ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        env=given,
        pass_fds=(values,),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "tr0ub4dor"
    assert "No module named 'galley.client'" in done.stdout


def test_what_holds_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not secrets.holds("tr0ub4dor"), "nothing was given here"
    monkeypatch.setattr(secrets, "_values", dict(VALUES))
    for value in ("a tr0ub4dor b", b"tr0ub4dor", [{"k": ("tr0ub4dor",)}], {"tr0ub4dor": 1}):
        assert secrets.holds(value)
    for other in ("tr0ub", 3, None, [1, "x"], object()):
        assert not secrets.holds(other)
    assert not secrets.holds([[[[[["tr0ub4dor"]]]]]]), "it does not look deeper than that"

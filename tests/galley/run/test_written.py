"""Files that notebooks write beside their products are kept, within bounds and without secrets."""

from __future__ import annotations

import base64
import html
import json
import os
from pathlib import Path

import pytest
from galley.run import written
from galley.run.written import Written

PRODUCTS = frozenset({Path("products/a.ipynb"), Path("products/values")})


class Attempt:
    def __init__(self, folder: Path, *secrets: str) -> None:
        self.project, self.kept = folder / "project", folder / "outputs"
        (self.project / "tasks").mkdir(parents=True)
        (self.project / "helpers.py").write_text("x = 1")
        self.said: list[str] = []
        self.written = Written(self.project, PRODUCTS, secrets, self.said.append)

    def write(self, path: str, text: str = "x") -> None:
        target = self.project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def keep(self) -> dict[str, str]:
        self.written.keep(self.kept)
        return {path.name: path.read_text() for path in sorted(self.kept.glob("*"))}


def test_what_was_written_is_kept_and_what_was_there_is_not(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path)
    attempt.write("report.csv", "a,b")
    attempt.write("plots/über sicht.png", "png")
    attempt.write("helpers.py", "x = 22")
    attempt.write("empty.txt", "")
    assert attempt.keep() == {
        "empty.txt": "",
        "helpers.py": "x = 22",
        "plots__ber_sicht.png": "png",
        "report.csv": "a,b",
    }
    assert attempt.said == []


def test_a_file_whose_name_is_no_text_is_kept(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, "hunter2-correct-horse")
    attempt.write(os.fsdecode(b"caf\xe9.csv"), "a,b")
    assert attempt.keep() == {"caf_.csv": "a,b"}
    assert attempt.said == []


def test_products_and_what_stands_beside_them_are_not_kept(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path)
    for path in ("products/a.ipynb", "products/.a.ipynb.metadata", "products/values/x.parquet"):
        attempt.write(path)
    for path in ("__pycache__/a.pyc", ".ipynb_checkpoints/b.ipynb"):
        attempt.write(path)
    assert attempt.keep() == {}
    assert not attempt.kept.exists()


def test_each_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path)
    for path in ("a/b.txt", "a_b.txt", "ö.txt", "ü.txt", f"{'long' * 60}.csv"):
        attempt.write(path, path)
    attempt.kept.mkdir()
    (attempt.kept / "a_b.txt").write_text("an output that was cut")
    kept = attempt.keep()
    assert sorted(kept.values()) == sorted(
        ["an output that was cut", "a/b.txt", "a_b.txt", "ö.txt", "ü.txt", f"{'long' * 60}.csv"]
    )
    assert {"a_b.txt", "2-a_b.txt", "3-a_b.txt", "_.txt", "2-_.txt"} < kept.keys()


@pytest.mark.parametrize(("files", "size"), [(2, 1000), (100, 11)])
def test_what_is_too_much_is_named(
    files: int, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(written, "MAX_FILES", files)
    monkeypatch.setattr(written, "MAX_BYTES", size)
    attempt = Attempt(tmp_path)
    for name in "abcd":
        attempt.write(name, "12345")
    assert sorted(attempt.keep()) == ["a", "b"]
    (said,) = attempt.said
    assert said.startswith("the file 'c' and 1 more, which the run wrote, is not kept: it is ")


def test_a_file_with_a_secret_or_a_link_is_not_kept(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, "hunter2-hunter2", "")
    attempt.write("good.txt", "nothing")
    attempt.write("bad.txt", "x" * 5000 + "hunter2-hunter2")
    (attempt.project / "link.txt").symlink_to("/etc/passwd")
    assert sorted(attempt.keep()) == ["good.txt"]
    assert [line.partition(" is not kept: it ")[2] for line in attempt.said] == [
        "holds the value of a secret",
        "is no plain file",
    ]
    assert "hunter2" not in "".join(attempt.said)


def test_a_secret_is_found_as_it_may_be_written(tmp_path: Path) -> None:
    attempt = Attempt(tmp_path, 'p@ss"wo&rd1')
    attempt.write("a.json", json.dumps({"password": 'p@ss"wo&rd1'}))
    attempt.write("b.html", html.escape('p@ss"wo&rd1'))
    attempt.write("c.txt", "x" * (2**20 - 5) + 'p@ss"wo&rd1')
    attempt.write('p@ss"wo&rd1.txt', "x")
    assert attempt.keep() == {}
    assert "wo&rd1" not in "".join(attempt.said)


def test_a_secret_is_found_where_it_was_cut_or_wrapped(tmp_path: Path) -> None:
    value = "sk-live-" + "0123456789abcdef" * 5
    attempt = Attempt(tmp_path, value)
    wrapped = base64.encodebytes(b"u" * 50 + value.encode()).decode()
    attempt.write("a.txt", f"0  {value[:47]}...")
    attempt.write("b.txt", wrapped)
    attempt.write("c.txt", "x" * (2**20 - 80) + "\n" + wrapped)
    attempt.write("d.txt", f"{value[:15]}...")
    (attempt.project / "e.bin").write_bytes(b"\0\xff" + value.encode())
    (attempt.project / "f.bin").write_bytes(b"\xff\xfe" + value.encode())
    (attempt.project / "g.bin").write_bytes(b"\xff\xfe")
    attempt.written.keep(attempt.kept)
    assert sorted(path.name for path in attempt.kept.iterdir()) == ["d.txt", "g.bin"]

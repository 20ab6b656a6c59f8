from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from galley.errors import InvalidInput, TooLarge
from galley.project.archive import export, pack, read, unpack
from hypothesis import given, settings
from hypothesis import strategies as st

FILES = {"pipeline.yaml": b"tasks: []\n", "tasks/a.ipynb": b"{}", "pkg/deep/x.py": b""}

names = st.lists(
    st.text(st.sampled_from("abü-_ .1"), min_size=1, max_size=6).filter(
        lambda part: part not in {".", ".."}
    ),
    min_size=1,
    max_size=3,
).map("/".join)


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for member, content in members:
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    made.linkname = link
    return made


@given(files=st.dictionaries(names, st.binary(max_size=200), max_size=6))
@settings(deadline=None, max_examples=100)
def test_what_is_packed_is_read(files: dict[str, bytes]) -> None:
    files = {
        path: content
        for path, content in files.items()
        if not any(other.startswith(f"{path}/") for other in files)
    }
    assert read(pack(files)) == files


def test_the_same_files_are_the_same_bytes_in_any_order() -> None:
    assert pack(FILES) == pack(dict(reversed(FILES.items())))
    with tarfile.open(fileobj=io.BytesIO(pack(FILES))) as made:
        assert {(one.mtime, one.uid, one.mode) for one in made} == {(0, 0, 0o644)}


def test_unpacking_writes_the_files(tmp_path: Path) -> None:
    unpack(pack(FILES), tmp_path / "new")
    assert {
        str(path.relative_to(tmp_path / "new")): path.read_bytes()
        for path in (tmp_path / "new").rglob("*")
        if path.is_file()
    } == FILES


@pytest.mark.parametrize(
    "hostile",
    [
        tar((member("../evil"), b"x")),
        tar((member("a/../../evil"), b"x")),
        tar((member("/evil"), b"x")),
        tar((member("a", tarfile.SYMTYPE, "/etc"), b"")),
        tar((member("a", tarfile.LNKTYPE, "b"), b"")),
        tar((member("a", tarfile.FIFOTYPE), b"")),
        tar((member("a", tarfile.CHRTYPE), b"")),
        tar((member("a"), b"x"), (member("a/b"), b"x")),
        b"no archive",
        pack(FILES)[:-20],
        gzip.compress(b"no tar at all" * 100),
        b"",
    ],
    # By number: the bytes have a time in them, and both workers must collect the same names.
    ids=range(12),
)
def test_hostile_archives_write_nothing(tmp_path: Path, hostile: bytes) -> None:
    folder = tmp_path / "in"
    with pytest.raises(InvalidInput) as caught:
        unpack(hostile, folder)
    assert caught.value.field == "project"
    assert list(tmp_path.rglob("*")) == []


def test_bombs_are_refused() -> None:
    with pytest.raises(TooLarge, match="limit of 1000 bytes"):
        read(pack({"a": b"x" * 2000}), max_bytes=1000)
    with pytest.raises(TooLarge, match="3 files"):
        read(pack({str(number): b"" for number in range(4)}), max_files=3)


def test_a_bomb_is_not_even_unpacked() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            read(bomb, max_bytes=1000, max_files=1)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("path", ["/a", "../a", "a/../b", "a//b", "./a", "", ".", "a\\b", "a\0"])
def test_paths_that_lead_elsewhere_are_not_packed(path: str) -> None:
    with pytest.raises(InvalidInput, match="not a relative path"):
        pack({path: b""})


def test_export_fills_a_new_or_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for folder in ("new/deep", "empty"):
        export(FILES, tmp_path / folder)
        assert (tmp_path / folder / "tasks" / "a.ipynb").read_bytes() == b"{}"


def test_export_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InvalidInput, match="is not empty") as caught:
        export(FILES, tmp_path)
    assert caught.value.field == "folder"
    with pytest.raises(InvalidInput, match="is a file"):
        export(FILES, tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dulwich.repo import Repo
from galley.errors import Conflict
from galley.registry.mirror import MAIN, Mirror, MirrorEntry

AT = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def entry(pipeline: str = "churn", number: int = 1, text: bytes = b"one") -> MirrorEntry:
    return MirrorEntry(
        pipeline=pipeline,
        number=number,
        files={"pipeline.yaml": text, "tasks/churn.ipynb": b"{}", "tasks/deep/x.py": b"x = 1\n"},
        author="ada",
        at=AT + timedelta(minutes=number),
        message="Retrained on March.",
    )


def git(*arguments: str, cwd: Path) -> str:
    done = subprocess.run(["git", *arguments], cwd=cwd, capture_output=True, text=True, check=True)
    return done.stdout


def test_plain_git_clone_reads_it(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "oncology.git", "oncology")
    mirror.write(entry())
    second = mirror.write(entry(number=2, text=b"two"))
    mirror.write(entry(pipeline="sales"))
    git("clone", "-q", str(mirror.path), "clone", cwd=tmp_path)
    clone = tmp_path / "clone"
    assert (clone / "churn" / "pipeline.yaml").read_bytes() == b"two"
    assert (clone / "churn" / "tasks" / "deep" / "x.py").read_bytes() == b"x = 1\n"
    assert (clone / "sales" / "pipeline.yaml").read_bytes() == b"one"
    assert git("tag", cwd=clone).split() == ["churn/v1", "churn/v2", "sales/v1"]
    assert git("show", "churn/v1:churn/pipeline.yaml", cwd=clone) == "one"
    assert git("rev-parse", "churn/v2^{commit}", cwd=clone).strip() == second
    log = git("log", "-1", "--format=%an|%ae|%cn|%aI|%s|%b", "churn/v2", cwd=clone).strip()
    assert log == ("ada|ada@oncology|Galley|2026-03-29T01:32:00+00:00|churn v2|Retrained on March.")
    assert git("fsck", "--strict", cwd=mirror.path) == ""


def test_files_that_a_version_drops_are_gone(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "t.git", "t")
    mirror.write(entry())
    mirror.write(entry(number=2).model_copy(update={"files": {"pipeline.yaml": b"x"}}))
    git("clone", "-q", str(mirror.path), "clone", cwd=tmp_path)
    assert [path.name for path in (tmp_path / "clone" / "churn").iterdir()] == ["pipeline.yaml"]


def test_writing_again_changes_nothing(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "t.git", "t")
    first = mirror.write(entry())
    mirror.write(entry(number=2, text=b"two"))
    head = git("rev-parse", "main", cwd=mirror.path)
    assert mirror.write(entry()) == first
    assert git("rev-parse", "main", cwd=mirror.path) == head


def test_the_same_version_with_other_files_is_refused(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "t.git", "t")
    mirror.write(entry())
    with pytest.raises(Conflict, match="churn/v1 with other files"):
        mirror.write(entry(text=b"else"))


def test_a_writer_that_died_after_the_tag_is_finished(tmp_path: Path) -> None:
    mirror = Mirror(tmp_path / "t.git", "t")
    first = mirror.write(entry())
    second = mirror.write(entry(number=2, text=b"two"))
    with Repo(str(mirror.path)) as repository:
        repository.refs[MAIN] = first.encode()  # type: ignore[assignment]
    assert mirror.write(entry(number=2, text=b"two")) == second
    assert git("rev-parse", "main", cwd=mirror.path).strip() == second


def test_rebuilding_gives_the_same_commits(tmp_path: Path) -> None:
    entries = [entry(), entry(pipeline="sales"), entry(number=2, text=b"two")]
    mirror = Mirror(tmp_path / "t.git", "t")
    for one in entries:
        mirror.write(one)
    before = mirror.tags()
    (mirror.path / "HEAD").unlink()
    assert mirror.rebuild(entries) == 3
    assert mirror.tags() == before
    assert sorted(before) == ["churn/v1", "churn/v2", "sales/v1"]
    assert {path.name for path in tmp_path.iterdir()} == {"t.git", ".t.git.lock"}


def test_concurrent_writers_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "t.git"
    entries = [entry(pipeline=f"p{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        commits = list(pool.map(lambda one: Mirror(path, "t").write(one), entries))
    assert len(set(commits)) == 12
    assert git("rev-list", "--count", "main", cwd=path).strip() == "12"
    assert len(git("ls-tree", "--name-only", "main", cwd=path).split()) == 12


def test_an_empty_mirror_has_no_tags(tmp_path: Path) -> None:
    assert Mirror(tmp_path / "none.git", "t").tags() == {}

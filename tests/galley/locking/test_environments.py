"""Environments on disk, with real interpreters."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
from pathlib import Path
from typing import IO

import pytest
from galley.locking.environments import Environment, Environments
from galley.locking.lock import Lock, lock_digest
from galley.locking.resolve import resolve
from galley.locking.uv import Stopped, Unresolvable
from packaging.requirements import Requirement

from tests.galley.locking.wheels import offline, write_platform, write_source, write_wheel


@pytest.fixture(autouse=True)
def wheels(tmp_path: Path) -> Path:
    folder = tmp_path / "wheels"
    write_platform(folder)
    write_wheel(folder, "greeting", "1.0")
    write_wheel(folder, "greeting", "2.0")
    return folder


def lock_of(tmp_path: Path, line: str) -> Lock:
    return resolve([Requirement(line)], offline(tmp_path))


def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments", offline(tmp_path))


def says(environment: Environment, code: str) -> str:
    done = subprocess.run(
        [environment.python, "-c", code], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


VERSION = "import greeting; print(greeting.__version__)"


def test_two_locks_are_two_environments_side_by_side(tmp_path: Path) -> None:
    place = environments(tmp_path)
    one = place.get(lock_of(tmp_path, "greeting==1.0"))
    two = place.get(lock_of(tmp_path, "greeting==2.0"))
    assert (says(one, VERSION), says(two, VERSION)) == ("1.0", "2.0")
    assert one.made
    assert two.made


def test_an_environment_holds_nothing_else(tmp_path: Path) -> None:
    one = environments(tmp_path).get(lock_of(tmp_path, "greeting==1.0"))
    code = "from importlib.metadata import distributions as d; print(sorted(x.name for x in d()))"
    assert says(one, code) == "['cloudpickle', 'greeting', 'ipykernel']"


def test_the_second_time_it_is_there(tmp_path: Path, wheels: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    environments(tmp_path).get(lock).close()
    for wheel in wheels.iterdir():
        wheel.unlink()
    again = environments(tmp_path).get(lock)
    assert not again.made
    assert says(again, VERSION) == "1.0"


def test_a_file_that_is_not_the_locked_one_is_refused(tmp_path: Path, wheels: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    write_wheel(wheels, "greeting", "1.0", source="__version__ = 'forged'\n")
    fresh = tmp_path / "other"
    fresh.mkdir()
    (fresh / "wheels").symlink_to(wheels)
    with pytest.raises(Unresolvable, match="greeting"):
        environments(fresh).get(lock)
    assert [path.name for path in (fresh / "environments").glob("[!.]*")] == []


def test_a_version_that_is_gone_is_named_and_leaves_nothing(tmp_path: Path, wheels: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    (wheels / "greeting-1.0-py3-none-any.whl").unlink()
    fresh = tmp_path / "other"
    fresh.mkdir()
    (fresh / "wheels").symlink_to(wheels)
    with pytest.raises(Unresolvable, match=r"greeting==1\.0"):
        environments(fresh).get(lock)
    assert list((fresh / "environments").glob(".new-*")) == []


def test_what_a_killed_maker_left_is_cleaned(tmp_path: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    rest = tmp_path / "environments" / f".new-{lock_digest(lock)}-x" / "environment" / "bin"
    rest.mkdir(parents=True)
    assert says(environments(tmp_path).get(lock), VERSION) == "1.0"
    assert list((tmp_path / "environments").glob(".new-*")) == []


def test_an_environment_whose_python_is_gone_is_made_again(tmp_path: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    first = environments(tmp_path).get(lock)
    first.close()
    first.python.unlink()
    first.python.symlink_to("/nowhere/python")
    again = environments(tmp_path).get(lock)
    assert again.made
    assert says(again, VERSION) == "1.0"


def test_of_two_at_once_one_makes_it_and_both_have_it(tmp_path: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    got: list[Environment] = []
    threads = [
        threading.Thread(target=lambda: got.append(environments(tmp_path).get(lock)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.made for one in got) == [False, True]
    assert [says(one, VERSION) for one in got] == ["1.0", "1.0"]


def test_who_saw_nothing_there_does_not_wait_until_its_maker_has_used_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    late, tried = environments(tmp_path), Environments._try
    others: list[Environment] = []

    def try_(self: Environments, digest: str, how: int) -> IO[bytes] | None:
        if self is late and how == fcntl.LOCK_EX and not others:
            others.append(environments(tmp_path).get(lock))  # made just now, and in use
        return tried(self, digest, how)

    monkeypatch.setattr(Environments, "_try", try_)
    made = late.get(lock)
    assert (others[0].made, made.made) == (True, False)
    assert says(made, VERSION) == "1.0"


def test_waiting_for_anothers_work_can_be_stopped(tmp_path: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0")
    folder = tmp_path / "environments"
    started, release = threading.Event(), threading.Event()

    def making() -> None:
        started.set()
        release.wait()

    maker = threading.Thread(target=lambda: environments(tmp_path).get(lock, making=making))
    maker.start()
    started.wait()
    with pytest.raises(Stopped):
        Environments(folder, offline(tmp_path, stop=lambda: True)).get(lock)
    release.set()
    maker.join()


def test_a_lock_for_another_python_says_so(tmp_path: Path) -> None:
    lock = lock_of(tmp_path, "greeting==1.0").model_copy(update={"python": "3.7"})
    with pytest.raises(Unresolvable, match=r"locked for Python 3\.7"):
        environments(tmp_path).get(lock)


def test_pruning_takes_the_unused_and_spares_what_is_in_use(tmp_path: Path) -> None:
    place = environments(tmp_path)
    locks = [lock_of(tmp_path, f"greeting=={number}") for number in ("1.0", "2.0")]
    used, unused = (place.get(lock) for lock in locks)
    unused.close()
    mark = (tmp_path / "environments" / lock_digest(locks[1]) / ".last-used").stat().st_mtime
    assert place.prune(keep_s=100, now=mark + 50) == []
    assert place.prune(keep_s=100, now=mark + 500) == [lock_digest(locks[1])]
    assert says(used, VERSION) == "1.0"
    used.close()
    assert place.prune(keep_s=100, now=mark + 500) == [lock_digest(locks[0])]


def test_pruning_by_size_takes_the_longest_unused_first(tmp_path: Path) -> None:
    place = environments(tmp_path)
    locks = [lock_of(tmp_path, f"greeting=={number}") for number in ("1.0", "2.0")]
    for lock in locks:
        place.get(lock).close()
    for age, lock in zip((200, 100), locks, strict=True):
        os.utime(tmp_path / "environments" / lock_digest(lock) / ".last-used", (age, age))
    sizes = [_blocks(tmp_path / "environments" / lock_digest(lock)) for lock in locks]
    gone = place.prune(keep_s=1000, keep_bytes=max(sizes), now=300)
    assert gone == [lock_digest(locks[1])]


def _blocks(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_dir())


def test_a_source_is_built_where_the_tenant_allows_it(tmp_path: Path, wheels: Path) -> None:
    write_source(wheels, "sourceonly", "1.0")
    refused = offline(tmp_path)
    with pytest.raises(Unresolvable, match="needs a build from source"):
        resolve([Requirement("sourceonly==1.0")], refused)
    allowed = offline(tmp_path, wheels_only=False)
    # Offline there is no setuptools to build with: uv gets as far as asking for it.
    with pytest.raises(Unresolvable, match="setuptools"):
        resolve([Requirement("sourceonly==1.0")], allowed)


def test_downloads_are_thrown_away_when_they_are_too_many(tmp_path: Path) -> None:
    place = environments(tmp_path)
    kept = place.get(lock_of(tmp_path, "greeting==1.0"))
    assert list((tmp_path / "cache").rglob("greeting.py"))
    assert not place.trim()
    assert place.trim(keep_bytes=0)
    assert not list((tmp_path / "cache").rglob("greeting.py"))
    assert says(kept, VERSION) == "1.0"

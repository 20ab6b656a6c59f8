"""Which version of a file is there: told by names, sizes, times and tags, never by content.

A place that does not answer is an error; only a file that certainly is not there is none.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs

from galley.errors import InvalidInput

MOST_ENTRIES = 10_000
"""Entries of a watched folder."""
MOST_COMMITS = 100_000
"""Entries of a table's log."""
HTTP_TIMEOUT_S = 15.0

_TAGS = ("ETag", "etag", "VersionId", "generation", "md5Hash", "checksum")
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated")
_OTHER = ("size", "ino")
_LOGS = (
    ("_delta_log", re.compile(r"(\d{20})\.json"), "delta"),
    ("metadata", re.compile(r"v?(\d+)(?:-[0-9a-f-]+)?\.metadata\.json"), "iceberg"),
)


class Place(NamedTuple):
    """Where a file lies.

    Attributes:
        url: as it was given: what people are told.
        root: the allowed folder above it, on this machine; None: it is elsewhere.
        path: of a file of this machine.
    """

    url: str
    root: Path | None = None
    path: str = ""


def version_at(place: Place) -> str | None:
    """Return what tells one version of a file from the next; None: there is no such file.

    A Delta or Iceberg table is told by its newest commit, another folder by its entries.

    Raises:
        InvalidInput: a link leads out of the allowed folder, or nothing tells versions apart.
        OSError: the place does not answer.
    """
    if place.root is not None:
        try:
            return _here(place, Path(os.path.realpath(place.root)))
        except OSError as error:  # without the path of this machine
            raise type(error)(error.errno, error.strerror, place.url) from error
    if urlsplit(place.url).scheme in {"http", "https"}:
        return _over_http(place.url)
    files, path = url_to_fs(place.url, use_listings_cache=False)
    return _elsewhere(files, path)


def _here(place: Place, root: Path) -> str | None:
    """Look at a file of this machine; links in a folder are looked at and not followed."""
    root.stat()  # a root that is away is no file that has gone
    path = _inside(place, root, place.path)
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not path.is_dir():
        return _digest(_status(status))
    for name, pattern, kind in _LOGS:
        log = _inside(place, root, path / name)
        if log.is_dir() and (commit := _newest(_names(log), pattern)):
            return f"{kind} {commit}"
    return _folder(path)


def _inside(place: Place, root: Path, path: str | Path) -> Path:
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(root):
        raise InvalidInput(f"{place.url!r} leads out of the folder that may be watched")
    return real


def _names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        yield from (entry.name for entry in entries)


def _folder(path: Path) -> str:
    found = []
    with os.scandir(path) as entries:
        for entry in islice(entries, MOST_ENTRIES + 1):
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            found.append((entry.name, "folder" if is_folder else _digest(_status(status))))
    if len(found) > MOST_ENTRIES:
        raise InvalidInput(f"the folder has more than {MOST_ENTRIES:,} entries: watch a file")
    return _digest(sorted(found))


def _status(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mtime_ns, status.st_size, status.st_ino


def _newest(names: Iterable[str], pattern: re.Pattern[str]) -> str | None:
    """Return the newest commit in a table's log; None: it is none."""
    found: list[tuple[int, str]] = []
    for number, name in enumerate(names, 1):
        if number > MOST_COMMITS:
            raise InvalidInput(
                f"the table's log has more than {MOST_COMMITS:,} entries: let its old ones expire"
            )
        if match := pattern.fullmatch(name):
            found = [max([(int(match[1]), name), *found])]
    return found[0][1].removesuffix(".json") if found else None


def _over_http(url: str) -> str | None:
    """Ask for the headers; only the server's own word counts for a file that is not there."""
    headers = {"Accept-Encoding": "identity"}
    with httpx.Client(timeout=HTTP_TIMEOUT_S, trust_env=False, headers=headers) as client:
        answer = client.head(url)
        if answer.is_error:  # of HEAD itself, with some servers
            with client.stream("GET", url) as answer:
                pass
    if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
        return None
    if answer.is_error:
        raise OSError(f"{url} answers {answer.status_code} {answer.reason_phrase}")
    if not answer.is_success:
        raise InvalidInput(f"{url!r} leads elsewhere ({answer.status_code}): no redirect is taken")
    names = ("ETag", "Last-Modified", "Content-MD5", "Digest")
    told = {name: answer.headers[name] for name in names if name in answer.headers}
    if not told:
        raise InvalidInput("the place tells neither a tag nor a time of the file")
    return _digest({**told, "size": answer.headers.get("Content-Length")})


def _elsewhere(files: AbstractFileSystem, path: str) -> str | None:
    files.invalidate_cache()
    try:
        info = files.info(path)
        if info["type"] != "directory":
            return _digest(_facts(info))
        for name, pattern, kind in _LOGS:
            log = f"{path.rstrip('/')}/{name}"
            if files.isdir(log):
                names = (posixpath.basename(one) for one in files.ls(log, detail=False))
                if commit := _newest(names, pattern):
                    return f"{kind} {commit}"
    except FileNotFoundError:
        return None
    raise InvalidInput(
        "it is a folder and no Delta or Iceberg table: elsewhere than on this machine one object "
        "or one table can be watched, because a folder there cannot be listed in part"
    )


def _facts(info: Mapping[str, Any]) -> dict[str, str]:
    """Return what changes with the content: a tag, a time, the size."""
    names = [name for name in (*_TAGS, *_TIMES) if info.get(name)] or ["created"]
    found = {name: str(info[name]) for name in (*names, *_OTHER) if info.get(name) is not None}
    if not set(found) - set(_OTHER):
        raise InvalidInput("the place tells neither a tag nor a time of the file")
    return found


def _digest(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

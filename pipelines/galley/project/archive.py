"""A project as one ``tar.gz`` and back; the same files give the same bytes.

Unpacking trusts nothing: plain files at relative paths only, within limits.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from galley.errors import InvalidInput, TooLarge

MAX_BYTES = 100 * 2**20
MAX_FILES = 10_000
_HEADERS = 4096
"""Bytes that tar may add to each file."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return the files (path → content) as a deterministic ``tar.gz``.

    Raises:
        InvalidInput: a path is absolute, climbs up or is a prefix of another.
    """
    _check_paths(files)
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=9, mtime=0) as raw,
        tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(files):
            member = tarfile.TarInfo(path)
            member.size = len(files[path])
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(files[path]))
    return packed.getvalue()


def read(
    data: bytes, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES
) -> dict[str, bytes]:
    """Return the files of an archive, path → content.

    Raises:
        InvalidInput: it is damaged, or holds links, devices or paths that lead outside.
        TooLarge: unpacked it is over ``max_bytes`` or ``max_files``.
    """
    limit = max_bytes + max_files * _HEADERS
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as raw:
            unpacked = raw.read(limit + 1)
        if len(unpacked) > limit:
            raise _too_large(max_bytes, max_files)
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as tar:
            files = dict(_members(tar, max_bytes, max_files))
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InvalidInput(f"the project archive is damaged: {error}", field="project") from error
    _check_paths(files)
    return files


def _members(tar: tarfile.TarFile, max_bytes: int, max_files: int) -> Iterator[tuple[str, bytes]]:
    size = count = 0
    for member in tar:
        if member.isdir():
            continue
        if not member.isreg():
            raise InvalidInput(
                f"{member.name!r} in the project archive is not a plain file", field="project"
            )
        size, count = size + member.size, count + 1
        if size > max_bytes or count > max_files:
            raise _too_large(max_bytes, max_files)
        content = tar.extractfile(member)
        assert content is not None
        yield member.name, content.read()


def _too_large(max_bytes: int, max_files: int) -> TooLarge:
    return TooLarge(
        f"the project archive is over its limit of {max_bytes} bytes and {max_files} files",
        field="project",
    )


def _check_paths(files: Mapping[str, bytes]) -> None:
    for path in files:
        pure = PurePosixPath(path)
        if (
            str(pure) != path
            or pure.is_absolute()
            or ".." in pure.parts
            or path == "."
            or "\x00" in path
            or "\\" in path
        ):
            raise InvalidInput(
                f"{path!r} is not a relative path within the project", field="project"
            )
        if below := [str(parent) for parent in pure.parents if str(parent) in files]:
            raise InvalidInput(f"{below[0]!r} is both a file and a folder", field="project")


def write(files: Mapping[str, bytes], folder: Path) -> None:
    """Write the files below ``folder``, which is created when it is missing.

    Raises:
        InvalidInput: a path leads outside.
    """
    _check_paths(files)
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def unpack(data: bytes, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Write the files of an archive below ``folder``.

    Raises:
        InvalidInput, TooLarge: as :func:`read`; nothing is written then.
    """
    write(read(data, max_bytes=max_bytes), folder)


def export(files: Mapping[str, bytes], folder: Path) -> None:
    """Write a project into a folder that is empty or does not exist yet.

    Raises:
        InvalidInput: the folder holds something already, or is no folder; nothing is changed.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidInput(f"{folder} is a file, not a folder", field="folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidInput(
            f"{folder} is not empty; name an empty or new folder, so that nothing is overwritten",
            field="folder",
        )
    write(files, folder)

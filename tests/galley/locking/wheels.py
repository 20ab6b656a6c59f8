"""Tiny wheels and source archives for the tests, and what a platform needs of an index."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import os
import sysconfig
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from galley.domain.packages import Packages
from galley.locking.platform import ALWAYS
from galley.locking.uv import Uv


def write_wheel(
    folder: Path,
    name: str,
    version: str,
    *,
    needs: Iterable[str] = (),
    source: str | None = None,
    more: Mapping[str, str] | None = None,
) -> Path:
    """Write a pure wheel whose one module says its version; ``more`` is further files."""
    module = name.replace("-", "_")
    inside = module if more is None else f"{module}_hollow"
    info = f"{module}-{version}.dist-info"
    files = {
        f"{inside}.py": source or f"__version__ = {version!r}\n",
        **(more or {}),
        f"{info}/METADATA": "".join(
            (
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
                *(f"Requires-Dist: {need}\n" for need in needs),
            )
        ),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_digest(text)},{len(text)}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join((*record, f"{info}/RECORD,,")) + "\n"
    folder.mkdir(exist_ok=True)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name_inside, text in files.items():
            wheel.writestr(name_inside, text)
    return path


def write_source(folder: Path, name: str, version: str) -> Path:
    """Write a source archive that has no wheel."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    texts = {
        "PKG-INFO": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "setup.py": f"from setuptools import setup\nsetup(name={name!r}, version={version!r})\n",
    }
    with tarfile.open(path, "w:gz") as archive:
        for inside, text in texts.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{inside}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    return path


def write_platform(folder: Path) -> None:
    """Write hollow wheels of what every environment has, at the platform's versions."""
    for name in ALWAYS:
        write_wheel(folder, name, importlib.metadata.version(name))


def write_kernel(folder: Path) -> None:
    """Write such wheels, with the platform's own distributions behind the environment's.

    A kernel starts with them, without an index; what the environment has itself comes first.
    """
    for name in ALWAYS:
        write_wheel(
            folder,
            name,
            importlib.metadata.version(name),
            more={f"{name}.pth": f"{sysconfig.get_path('purelib')}\n"},
        )


def offline(
    tmp_path: Path, *, wheels_only: bool = True, stop: Callable[[], bool] = lambda: False
) -> Uv:
    """Return a uv that knows the wheels in ``tmp_path/wheels`` and nothing else."""
    return Uv(
        tmp_path / "cache",
        Packages(offline=True, find_links=(str(tmp_path / "wheels"),), wheels_only=wheels_only),
        os.environ,
        stop,
    )


def _digest(text: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()

"""What of this Python environment a sandbox must see, read-only, to run it."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

from galley.sandbox.spec import Bind

PACKAGES = ("galley", "galley_hub", "galley_lab")


def interpreter_binds() -> tuple[Bind, ...]:
    """Return the interpreter, the environment and the source folders of an editable install."""
    wanted: list[Path] = []
    for path in (*_prefixes(), *_sources()):
        if not any(path.is_relative_to(known) for known in (Path("/usr"), *wanted)):
            wanted.append(path)
    return tuple(Bind(source=path, target=path) for path in wanted)


def _prefixes() -> list[Path]:
    """Both prefixes, as named and as resolved: uv and pyenv put links on the way."""
    named = [Path(sys.base_prefix), Path(sys.prefix)]
    links = [link.parent.parent for link in _links_of(Path(sys.executable))]
    return [path for name in (*named, *links) for path in (name, name.resolve())]


def _links_of(executable: Path) -> list[Path]:
    """Each file on the way from the executable to the real interpreter."""
    seen = [executable]
    while seen[-1].is_symlink():
        seen.append(seen[-1].parent / seen[-1].readlink())
    return [path for path in seen if path.parent.name == "bin"]


def _sources() -> list[Path]:
    specs = [find_spec(name) for name in PACKAGES]
    return [
        Path(folder).resolve()
        for spec in specs
        if spec is not None
        for folder in spec.submodule_search_locations or ()
    ]

"""Which distribution provides which module, in this Python environment."""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys
from functools import lru_cache
from pathlib import Path

from galley.domain.model import Model


class Distribution(Model):
    """One installed distribution."""

    name: str
    version: str


class Installed(Model):
    """The modules of an environment.

    Attributes:
        modules: top-level module → its distributions; where several share one (``google``),
            also the dotted modules of each (``google.protobuf``).
        python: version of Python, such as ``3.11``.
    """

    modules: dict[str, tuple[Distribution, ...]]
    python: str = ""

    def providers(self, module: str) -> tuple[Distribution, ...]:
        """Return the distributions of a dotted module; empty where nothing provides it."""
        top = module.partition(".")[0]
        found = self.modules.get(top, ())
        if named := [one for one in found if _canonical(one.name) == _canonical(top)]:
            return tuple(named)
        while module != top and len(found) > 1:
            if module in self.modules:
                return self.modules[module]
            module = module.rpartition(".")[0]
        return found


@lru_cache(maxsize=1)
def installed_here() -> Installed:
    """Return the modules of the running environment; read once per process."""
    owners: dict[str, dict[str, Distribution]] = {}
    dotted: dict[str, dict[str, Distribution]] = {}
    for found in metadata.distributions():
        one = Distribution(name=found.name, version=found.version)
        for module in _modules(found):
            top = module.partition(".")[0]
            owners.setdefault(top, {})[one.name] = one
            dotted.setdefault(module, {})[one.name] = one
    modules = {top: tuple(ones.values()) for top, ones in owners.items()}
    for module, ones in dotted.items():
        top = module.partition(".")[0]
        if module != top and len(owners[top]) > 1:
            modules[module] = tuple(ones.values())
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Installed(modules=modules, python=version)


def _modules(found: metadata.Distribution) -> set[str]:
    """Return the modules of a distribution, dotted to three levels."""
    modules: set[str] = set()
    for path in found.files or ():
        if path.suffix == ".pth":
            modules |= _editable(Path(str(found.locate_file(path))))
        name = path.name.partition(".")[0]
        if path.suffix not in {".py", ".so", ".pyd"} or ".." in path.parts:
            continue
        parts = path.parts[:-1] if name == "__init__" else (*path.parts[:-1], name)
        if all(part.isidentifier() for part in parts):
            modules |= {".".join(parts[:depth]) for depth in range(1, min(len(parts), 3) + 1)}
    return modules


def _editable(pth: Path) -> set[str]:
    """Return the modules of the folders that an editable install names in its ``.pth`` file."""
    if not pth.is_file():
        return set()
    folders = [Path(line) for line in pth.read_text().splitlines() if line.startswith("/")]
    return {
        child.stem
        for folder in folders
        if folder.is_dir()
        for child in folder.iterdir()
        if (child.suffix == ".py" or (child / "__init__.py").is_file())
        and child.stem.isidentifier()
    }


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()

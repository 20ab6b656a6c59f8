"""Give a kernel the values of its secrets, so that nothing it starts can see them.

A forked kernel takes them with the rest of what it is told. For one that is started ``prepare``
makes a startup file of IPython (beside those of ``probe``, if there are), which reads the values
from an open file that has no name, once, and forgets where it was. So they are in no folder, no
command line and no environment. ``galley.secret(name)`` finds them in the module :data:`MODULE` of
``sys.modules``; where galley is not installed, a module of that name is put in its place that has
nothing but this function.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

VARIABLE = "GALLEY_SECRETS"
"""The number of the open file, where the kernel was started."""
MODULE = "galley_inside_secrets"
_DEPTH = 4

_STARTUP = """\
def _galley_start():
    import pathlib
    import sys
    import types
    source = pathlib.Path({source!r})
    module = types.ModuleType({name!r})
    module.__file__ = str(source)
    exec(compile(source.read_text(encoding="utf-8"), str(source), "exec"), module.__dict__)
    sys.modules[module.__name__] = module
    module.install()


_galley_start()
del _galley_start
"""

_values: dict[str, str] = {}


class SecretNotGiven(LookupError):
    """This run was not given a secret of that name."""


def prepare(folder: Path, ipython: Path | None = None) -> dict[str, str]:
    """Make what reads the values; return the environment variables to add.

    Args:
        folder: an empty folder that only the kernel's identity may enter.
        ipython: the kernel's IPYTHONDIR where it has one already; its startup files stay.
    """
    source = folder.resolve() / "secrets.py"
    source.write_bytes(Path(__file__).read_bytes())  # copied: a sandbox need not see this package
    ipython = ipython or folder.resolve() / "ipython"
    startup = ipython / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    code = _STARTUP.format(source=str(source), name=MODULE)
    (startup / "00-galley-secrets.py").write_text(code, encoding="utf-8")
    return {"IPYTHONDIR": str(ipython)}


def install() -> None:
    """Read the values, in a kernel that was started, and make ``galley.secret`` importable."""
    number = os.environ.pop(VARIABLE, None)
    if number is not None:
        with open(int(number), encoding="utf-8") as file:  # noqa: PTH123
            take(json.load(file))


def take(values: Mapping[str, str]) -> None:
    """Have the values, name → value, in this kernel, and make ``galley.secret`` importable."""
    _values.update(values)
    sys.modules[MODULE] = sys.modules[__name__]
    sys.meta_path.append(_InPlaceOfGalley())


def secret(name: str) -> str:
    """Return the value of a secret that the version names.

    Raises:
        SecretNotGiven: it does not name this one.
    """
    try:
        return _values[name]
    except (KeyError, TypeError):
        given = ", ".join(sorted(_values)) or "none"
        raise SecretNotGiven(
            f"this run was not given a secret {name!r} (it has: {given}). A version gets those "
            'that its notebook names: write galley.secret("name") with the name written out, and '
            "publish it again"
        ) from None


def holds(value: Any) -> bool:
    """Return whether a text, bytes, or a plain container of them, holds the value of a secret."""
    return bool(_values) and _holds(value, _DEPTH)


def _holds(value: Any, depth: int) -> bool:
    if isinstance(value, str):
        return any(one in value for one in _values.values())
    if isinstance(value, bytes | bytearray):
        return any(one.encode() in value for one in _values.values())
    if depth == 0:
        return False
    if isinstance(value, Mapping):
        return any(_holds(one, depth - 1) for pair in value.items() for one in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return any(_holds(one, depth - 1) for one in value)
    return False


class _InPlaceOfGalley(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds ``galley`` when nobody else does."""

    def find_spec(self, fullname: str, *_: Any) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of the stand-in."""
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == "galley" else None

    def exec_module(self, module: ModuleType) -> None:
        """Give the stand-in its one function."""
        module.__dict__["secret"] = secret
        module.__doc__ = "Galley's part in a locked environment: galley.secret(name)."

"""Whether what a zygote has imported has changed on disk since: then it had better not fork."""

from __future__ import annotations

import os
import sys
import sysconfig
import types

_STDLIB = sysconfig.get_path("stdlib") + os.sep
_SITES = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

Seen = tuple[int, int] | None


class Loaded:
    """What the modules of this process were loaded from, as it was then.

    Args:
        installed: whether to look at each file of installed packages as well, of which there are
            thousands: 2 ms for 1000. Where they are only installed, removed and replaced by
            programs, it is enough to look at the folders in which those note what is there.
    """

    def __init__(self, *, installed: bool) -> None:
        self._installed = installed
        self._modules: set[str] = set()
        self._seen: dict[str, Seen] = {}

    def note(self) -> None:
        """Take in what has been loaded since the last time."""
        for path in sys.path:
            self._seen.setdefault(path, _seen(path))
        for name, module in list(sys.modules.items()):
            if name not in self._modules:
                self._modules.add(name)
                if (file := _file(module)) is not None and self._counts(file):
                    self._seen[file] = _seen(file)

    def changed(self) -> bool:
        """Whether any of it is another one by now, or gone."""
        return any(_seen(path) != seen for path, seen in self._seen.items())

    def _counts(self, file: str) -> bool:
        if any(site in file for site in _SITES):
            return self._installed
        return not file.startswith(_STDLIB)


def _file(module: object) -> str | None:
    """Return where a module comes from; one that loads itself when it is asked is not asked."""
    if not issubclass(type(module), types.ModuleType):
        return None
    file = vars(module).get("__file__")
    return file if isinstance(file, str) else None


def _seen(path: str) -> Seen:
    try:
        found = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size

"""Running one process tree apart from all others; the only place that knows bubblewrap.

A :class:`~galley.sandbox.spec.SandboxSpec` says what to run and what it may see. The *runner*
(``python -m galley.sandbox SPEC``) stays outside as its parent: it makes the namespaces, keeps
the doors open, watches the memory and ends the whole tree when it is told to.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from galley.sandbox.spec import SandboxSpec


def command(spec: SandboxSpec, spec_path: Path) -> list[str]:
    """Write ``spec`` to ``spec_path`` (mode 0600) and return the argv of its runner.

    The runner removes the file once it has read it, since it holds the environment.
    """
    # Imported late: the runner imports this package too and must stay a small process.
    from galley.sandbox.plan import write_plan

    return write_plan(spec, spec_path)

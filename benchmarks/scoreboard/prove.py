"""Lets galley prove a split, as ``galley build --prove`` does, in a process with limits.

``python prove.py REQUEST.json`` is that process: it proves, and writes the accepted project.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from galley.client.modules import collect_modules
from galley.errors import PublicError
from galley.notebook.analysis import analyse
from galley.notebook.installed import installed_here
from galley.project.build import build_project
from galley.proof.local import prove_here

from scoreboard import isolate


def prove(notebook: Path, output: Path, timeout_s: float) -> dict[str, Any]:
    """Return the proof of a notebook, a working copy that may be written around.

    ``state`` is the proof's, ``cost`` its wall time in plain runs, ``error`` an internal error. The
    project of an accepted split is written to ``output``.
    """
    with tempfile.TemporaryDirectory(prefix="prove-") as name:
        request, answer = Path(name, "request.json"), Path(name, "answer.json")
        folder = Path(name, "runs")
        folder.mkdir()
        request.write_text(
            json.dumps([str(notebook), str(output), str(folder), str(answer)]), encoding="utf-8"
        )
        command = [sys.executable, str(Path(__file__).resolve()), str(request)]
        done = isolate.run(command, cwd=Path(name), timeout_s=timeout_s)
        if answer.exists():
            found: dict[str, Any] = json.loads(answer.read_text())
            return {**found, "wall_s": done.seconds}
    if done.status is None:
        return {"state": "took too long", "wall_s": done.seconds, "text": done.text[-500:]}
    return {"state": None, "error": f"the proof died, status {done.status}: {done.text[-800:]}"}


def _main(notebook: Path, output: Path, folder: Path, answer: Path) -> None:
    found: dict[str, Any] = {"state": None}
    try:
        installed = installed_here()
        collected = collect_modules(notebook, lambda book, more: analyse(book, more, installed))
        started = time.monotonic()
        proof = prove_here(
            collected.notebook,
            collected.modules,
            collected.analysis,
            folder,
            {},
            print,
            beside=notebook.parent,
        )
        seconds = time.monotonic() - started
        found |= proof.model_dump(mode="json") | {"seconds": seconds}
        if proof.plain_s:
            found["cost"] = seconds / (sum(proof.plain_s) / len(proof.plain_s))
        if proof.plan is not None:
            files = build_project(
                collected.notebook,
                collected.modules,
                collected.analysis,
                slug="judged",
                tenant="benchmark",
                plan=proof.plan,
            )
            for path, content in files.items():
                place = output / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
    except PublicError as error:
        found["state"] = "refused"
        found["reason"] = error.detail
    except Exception as error:
        found["error"] = "".join(traceback.format_exception(error)[-8:])
    answer.write_text(json.dumps(found))


if __name__ == "__main__":
    _main(*map(Path, json.loads(Path(sys.argv[1]).read_text())))

"""How well notebooks become pipelines: galley's analysis, split and proof over collections.

``python benchmarks/conversion.py FOLDER…`` reads every notebook below the folders, runs it in a
plain IPython that notes who reads what (the oracle), builds its project, lets galley prove the
split, and runs the accepted split once more to compare its values with the oracle's. Each notebook
has a working copy, processes and limits of its own; the folders are never written to. With
``--json FILE`` the records are kept, one line each; a second call goes on where the first ended.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from scoreboard import edges, outcome, peer, plain, prove, summary
from scoreboard.collection import Found, Reading, notebooks, read, working_copy
from scoreboard.examine import Reader

EXAMPLES = Path(__file__).resolve().parent.parent / "notebooks"


def main() -> None:
    options = _options()
    found = notebooks(options.folder)[: options.limit]
    known = _known(options.json)
    reader = Reader()
    records = []
    for number, one in enumerate(found, 1):
        record = known.get(one.name)
        if record is None:
            started = time.monotonic()
            record = _judge(one, reader, options)
            record["seconds"] = round(time.monotonic() - started, 1)
            if options.json:
                with options.json.open("a") as file:
                    file.write(json.dumps(record) + "\n")
            print(f"{number}/{len(found)} {one.name}: {_said(record)}", file=sys.stderr, flush=True)
        records.append(record)
    print("\n".join(summary.lines(records)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="*", type=Path, default=[EXAMPLES])
    parser.add_argument("--limit", type=int, help="only the first N notebooks")
    parser.add_argument("--time-limit", type=float, default=120, help="seconds for each run")
    parser.add_argument("--analysis-only", action="store_true", help="execute nothing")
    parser.add_argument("--no-proof", action="store_true", help="run the planned split unproved")
    parser.add_argument(
        "--slow", type=float, default=60, help="run no split of what runs longer than this, seconds"
    )
    parser.add_argument("--no-limited", action="store_true", help="skip the limited subprocess")
    parser.add_argument("--soorgeon", type=Path, help="a Python that has soorgeon installed")
    parser.add_argument("--oracle", type=Path, help="keep what does not depend on galley here")
    parser.add_argument("--json", type=Path, help="keep the records in this file, and resume")
    return parser.parse_args()


def _known(file: Path | None) -> dict[str, dict[str, Any]]:
    if file is None or not file.exists():
        return {}
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    return {row["name"]: row for row in rows}


def _judge(found: Found, reader: Reader, options: argparse.Namespace) -> dict[str, Any]:
    seen = read(found.path)
    record: dict[str, Any] = {"name": found.name, "kind": "python"}
    record |= {"headings": seen.headings, "coded": seen.coded}
    if seen.problem:
        record |= {"kind": "not a notebook", "problem": seen.problem}
    elif seen.language not in {"python", "ipython", "python3"}:
        record["kind"] = "another language"
    scratch = Path(tempfile.mkdtemp(prefix="conversion-"))
    try:
        record |= reader.read(found.path, scratch / "project", options.time_limit)
        if not options.no_limited and record["kind"] != "not a notebook":
            record["limited"] = reader.limited(found.path)
            if "refused" in record["limited"] and record.get("error"):
                # What kills the reader in process is refused by the limited one, as it must be.
                record["refused"] = record.pop("error")
        if record["kind"] == "python" and not options.analysis_only:
            _run(found, seen, record, scratch, options)
    except Exception as error:
        record["benchmark_error"] = "".join(traceback.format_exception(error)[-4:])
    finally:
        record.pop("wished", None)
        shutil.rmtree(scratch, ignore_errors=True)
    return record


def _run(
    found: Found,
    seen: Reading,
    record: dict[str, Any],
    scratch: Path,
    options: argparse.Namespace,
) -> None:
    limit = options.time_limit
    first, again = _oracle(found, seen, scratch, options)
    clean = again is not None
    record["plain"] = {
        "error": first["error"],
        "why": outcome.why(first["error"]) if first["error"] else None,
        "seconds": first["seconds"],
    }
    wished = record.pop("wished", None)
    if wished and len(wished["tasks"]) > 1:
        record["wished_edges"] = edges.of_plan(wished, first)
    several = bool(record.get("plan")) and len(record["plan"]["tasks"]) > 1
    if several:
        record["edges"] = edges.of_plan(record["plan"], first)
    if clean and several and first["seconds"] > options.slow:
        record["slow"] = True
    elif clean and several:
        accepted, project, kind = record["plan"], scratch / "project", "planned"
        if not options.no_proof:
            copy = working_copy(found, scratch / "proof")
            record["proof"] = prove.prove(copy, scratch / "proved", 6 * limit)
            accepted, kind = record["proof"].get("plan"), "proved"
            project = scratch / "proved"
        if accepted and again:
            copy = working_copy(found, scratch / "split")
            check = _check(accepted, project, copy.parent, first, again, limit)
            if check["state"] == "differs":
                # Two runs can agree by chance: `%timeit` counts its loops by the clock.
                copy = working_copy(found, scratch / "third")
                third = plain.run(seen.cells, folder=copy.parent, trace=False, timeout_s=limit)
                _excuse(check, first, third)
            record["check"] = {**check, "split": kind}
    if options.soorgeon:
        copy = working_copy(found, scratch / "soorgeon")
        record["soorgeon"] = peer.judge(options.soorgeon, copy, first, again, 4 * limit)


def _oracle(
    found: Found, seen: Reading, scratch: Path, options: argparse.Namespace
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the oracle's answers of two plain runs; no second one where the first fails."""
    content = hashlib.sha256(found.path.read_bytes()).hexdigest()[:16]
    kept = options.oracle / f"{content}.json" if options.oracle else None
    if kept and kept.exists():
        first, again = json.loads(kept.read_text())
        return first, again
    copy = working_copy(found, scratch / "plain")
    limit = options.time_limit
    first = plain.run(seen.cells, folder=copy.parent, trace=True, timeout_s=2 * limit)
    again = None
    if first["error"] is None:
        copy = working_copy(found, scratch / "again")
        again = plain.run(seen.cells, folder=copy.parent, trace=False, timeout_s=limit)
        if again["error"]:
            first["error"], again = f"only in the traced run: {again['error']}", None
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps([first, again]))
    return first, again


def _check(
    plan: dict[str, Any],
    project: Path,
    folder: Path,
    first: dict[str, Any],
    again: dict[str, Any],
    limit: float,
) -> dict[str, Any]:
    shutil.copytree(project, folder, dirs_exist_ok=True)
    ends: dict[str, dict[str, str | None]] = {}
    for task in plan["tasks"]:
        cells = plain.task_cells(folder / "tasks" / f"{task['name']}.ipynb")
        done = plain.run(cells, folder=folder, trace=False, timeout_s=limit)
        if done["error"]:
            said = f"{task['name']}: {done['error']}"
            return {"state": "fails", "different": [said], "unstable": [], "compared": 0}
        ends[task["name"]] = done["final"]
    tasks = {cell: task["name"] for task in plan["tasks"] for cell in task["cells"]}
    compared, different, unstable = plain.differing(first, again, ends, tasks)
    state = "differs" if different else "equal"
    return {"state": state, "different": different, "unstable": unstable, "compared": compared}


def _excuse(check: dict[str, Any], first: dict[str, Any], third: dict[str, Any]) -> None:
    values = third.get("final", {})
    for said in list(check["different"]):
        name = said.split(" at the end of ")[0]
        if values.get(name) != first["final"][name]:
            check["different"].remove(said)
            check["unstable"].append(name)
    check["state"] = "differs" if check["different"] else "equal"


def _said(record: dict[str, Any]) -> str:
    for problem in (record.get("benchmark_error"), *summary.internal_errors(record)):
        if problem:
            return "ERROR " + problem.strip().splitlines()[-1][:120]
    if record["kind"] != "python" or record.get("refused"):
        return str(record.get("refused") or record["kind"])[:120]
    said = [f"{len(record['plan']['tasks'])} tasks" if record.get("plan") else "no plan"]
    if record.get("plain"):
        said.append(record["plain"]["why"] or "runs clean")
    parts = ("proof", "check", "soorgeon")
    said += [f"{part} {record[part].get('state')}" for part in parts if record.get(part)]
    return ", ".join(said) + f" ({record['seconds']} s)"


if __name__ == "__main__":
    main()

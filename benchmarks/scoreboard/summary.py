"""The figures of the conversion benchmark, from one record per notebook."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

Record = dict[str, Any]


def lines(records: Sequence[Record]) -> Iterator[str]:
    """Yield the report."""
    python = [one for one in records if one["kind"] == "python"]
    yield f"notebooks                       {len(records)}"
    for kind, count in Counter(one["kind"] for one in records if one["kind"] != "python").items():
        yield f"  {kind:<30}{count}"
    broken = [one for one in records if internal_errors(one)]
    yield _share("internal errors", len(broken), len(records))
    for one in broken:
        yield f"    {one['name']}: {internal_errors(one)[0].strip().splitlines()[-1][:160]}"
    yield _share(
        "refused with a message", sum(bool(one.get("refused")) for one in python), len(python)
    )
    yield ""
    yield from _planned(python)
    yield ""
    yield from _ran(python)
    yield ""
    yield from _proved(python)
    yield ""
    yield from _dependencies(python)
    yield ""
    yield from _times(records)
    yield ""
    yield from _soorgeon(python)


def internal_errors(record: Record) -> list[str]:
    """Return the errors of galley itself: nothing that a message for the author explains."""
    parts = (record, record.get("limited") or {}, record.get("proof") or {})
    return [part["error"] for part in parts if part.get("error")]


def _planned(python: list[Record]) -> Iterator[str]:
    read = [one for one in python if one.get("plan")]
    structured = [one for one in read if one["headings"] >= 3]
    single = [one for one in structured if _tasks(one) == 1]
    yield _share("planned as several tasks", sum(_tasks(one) > 1 for one in read), len(read))
    yield _share("one task, of 3+ headings", len(single), len(structured))
    coded = [one for one in structured if one["coded"] >= 2]
    yield _share("  with code below 2+ of them", sum(_tasks(one) == 1 for one in coded), len(coded))
    codes = Counter(
        code
        for one in single
        for code in {merge["code"] for merge in one["plan"]["merges"]} or {_reason(one)}
    )
    yield "  their reasons (a notebook may have several):"
    for code, count in codes.most_common():
        yield f"    {count:4d}  {code}"
    merges = Counter(merge["code"] for one in read for merge in one["plan"]["merges"])
    yield "  boundaries not cut, in all plans: " + (
        ", ".join(f"{code} {count}" for code, count in merges.most_common()) or "none"
    )


def _reason(record: Record) -> str:
    return str(record["plan"]["reason"] or "no reason given")


def _ran(python: list[Record]) -> Iterator[str]:
    tried = [one for one in python if one.get("plain")]
    clean = [one for one in tried if one["plain"]["error"] is None]
    yield _share("run clean offline", len(clean), len(tried))
    for cause, count in Counter(
        one["plain"]["why"] for one in tried if one["plain"]["error"]
    ).most_common(25):
        yield f"    {count:4d}  {cause}"
    checked = [one for one in clean if one.get("check")]
    unstable = sum(bool(one["check"]["unstable"]) for one in checked)
    yield _share("unstable by themselves", unstable, len(checked))
    slow = sum(bool(one.get("slow")) for one in clean)
    yield f"split not run, as it is slow    {slow}"
    planned = [one for one in checked if one["check"]["split"] == "planned"]
    yield f"planned splits run              {len(planned)}"
    yield from _states([one["check"]["state"] for one in planned])


def _proved(python: list[Record]) -> Iterator[str]:
    proved = [one for one in python if one.get("proof")]
    if not proved:
        yield "proof                           not run"
        return
    yield f"proofs                          {len(proved)}"
    yield from _states([one["proof"].get("state") or "error" for one in proved])
    structured = [one for one in proved if one["headings"] >= 3]
    single = [one for one in structured if one["proof"].get("state") != "equal"]
    yield _share("one task after the proof, 3+", len(single), len(structured))
    yield from _reasons([one["proof"] for one in single])
    judged = [one for one in proved if one.get("check") and one["check"]["split"] == "proved"]
    wrong = [one for one in judged if one["check"]["state"] != "equal"]
    yield _share("silently wrong", len(wrong), len(judged))
    for one in wrong:
        yield f"    {one['name']}: {one['check']['state']}: {one['check']['different'][:3]}"
    costs = [one["proof"]["cost"] for one in proved if one["proof"].get("cost")]
    if costs:
        middle = statistics.median(costs)
        yield f"proof costs, in plain runs      median {middle:.1f}, max {max(costs):.1f}"


def _reasons(proofs: list[Record]) -> Iterator[str]:
    for proof in proofs:
        yield f"    {proof.get('state')}: {(proof.get('reason') or proof.get('error') or '')[:150]}"


def _dependencies(python: list[Record]) -> Iterator[str]:
    judged = [one["edges"] for one in python if one.get("edges")]
    hit = sum(one["hit"] for one in judged)
    missed = sum(len(one["missed"]) for one in judged)
    right = sum(one["right"] for one in judged)
    needless = sum(len(one["needless"]) for one in judged)
    yield f"dependencies, in {len(judged)} notebooks that were traced and have several tasks"
    yield _share("  recall", hit, hit + missed)
    yield _share("  precision", right, right + needless)
    inner = [one["wished_edges"] for one in python if one.get("wished_edges")]
    if inner:
        hit, missed = sum(o["hit"] for o in inner), sum(len(o["missed"]) for o in inner)
        right, needless = sum(o["right"] for o in inner), sum(len(o["needless"]) for o in inner)
        yield _share("  recall, before merging", hit, hit + missed)
        yield _share("  precision, before merging", right, right + needless)


def _times(records: Sequence[Record]) -> Iterator[str]:
    for title, values in (
        ("analysis, in process, wall", [one["wall_s"] for one in records if "wall_s" in one]),
        ("analysis, in process, CPU", [one["cpu_s"] for one in records if "cpu_s" in one]),
        (
            "analysis, limited subprocess",
            [one["limited"]["seconds"] for one in records if one.get("limited")],
        ),
    ):
        if values:
            p50, p95, most = (1000 * percentile(values, percent) for percent in (50, 95, 100))
            yield f"{title:<32}p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {most:.0f} ms"


def _soorgeon(python: list[Record]) -> Iterator[str]:
    judged = [one["soorgeon"] for one in python if one.get("soorgeon")]
    if not judged:
        yield "Soorgeon                        not run"
        return
    yield f"Soorgeon, on {len(judged)} notebooks"
    made = [one for one in judged if one["state"] != "failed"]
    yield _share("  refactor succeeded", len(made), len(judged))
    built = [one for one in made if one["state"] != "refactored"]
    yield f"  of which run (the notebook itself runs clean): {len(built)}"
    yield from _states([one["state"] for one in built])


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that ``percent`` of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _tasks(record: Record) -> int:
    return len(record["plan"]["tasks"])


def _states(states: Sequence[str]) -> Iterator[str]:
    for state, count in Counter(states).most_common():
        yield f"    {count:4d}  {state}"


def _share(title: str, part: int, whole: int) -> str:
    share = f" ({100 * part / whole:.1f} %)" if whole else ""
    return f"{title:<32}{part} of {whole}{share}"

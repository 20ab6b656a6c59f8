"""What uv complains about, as one sentence that names the requirement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from packaging.requirements import Requirement

from galley.domain.packages import Packages
from galley.errors import PublicError, Unavailable
from galley.locking.lock import canonical, this_platform, this_python
from galley.locking.uv import Unresolvable

_CREDENTIALS = re.compile(r"(?<=://)[^/\s@]+@")
_UNREACHABLE = re.compile(
    r"Failed to fetch|error sending request|Could not connect|Request failed after|timed out"
    r"|dns error|status code: 5\d\d"
)
_DENIED = re.compile(r"status code (\b40[13]\b)|\b(40[13]) (?:Unauthorized|Forbidden)")
_FETCHED = re.compile(r"Failed to fetch:? `?(\S+?)`?$", re.MULTILINE)
_NO_WHEEL = re.compile(
    r"[Ww]heels are required for `([^`]+)`|Building source distributions for `?([\w.-]+)"
)
_UNKNOWN = re.compile(r"(?:Because |and |that )([\w.-]+)(?:\[[^\]]*\])? was not found in")
_NO_VERSION = re.compile(r"there (?:is|are) no versions? of ([\w.-]+)")
_LINKS = re.compile(r"Failed to read `--find-links`[^:]*: (\S+)")
_CONCLUSION = re.compile(
    r",? (?:and|so|we can conclude that) (?:we can conclude that )?"
    r"your requirements are unsatisfiable\.?"
)


def complaint(
    text: str,
    wanted: Iterable[Requirement],
    fixed: Iterable[str],
    packages: Packages,
    newest: Callable[[str], str | None],
) -> PublicError:
    """Return the error that says what uv could not do.

    Args:
        text: what uv wrote.
        wanted: what was asked for.
        fixed: the platform's constraints, ``NAME==VERSION``.
        newest: name → its newest version that could be had; None where there is none.
    """
    text = _CREDENTIALS.sub("", text)
    by_name = {canonical(one.name): one for one in wanted}
    if found := _LINKS.search(text):
        return Unavailable(f"the platform's folder of packages {found[1]} cannot be read")
    if not packages.offline and (_UNREACHABLE.search(text) or _DENIED.search(text)):
        return _unreachable(text)
    if found := _NO_WHEEL.search(text):
        return _unbuilt(found[1] or found[2], by_name)
    if found := _UNKNOWN.search(text):
        return _unknown(canonical(found[1]), by_name, text, packages)
    return _conflict(text, by_name, fixed, newest)


def _unreachable(text: str) -> PublicError:
    where = _FETCHED.search(text)
    denied = _DENIED.search(text)
    what = f" ({where[1]})" if where else ""
    if denied:
        return Unavailable(
            f"the package index refuses the platform{what}: status {denied[1] or denied[2]}. "
            "The operator must give it a name and a password."
        )
    last = text.strip().splitlines()[-1].removeprefix("  cause: ").strip()
    return Unavailable(f"the package index cannot be reached{what}: {last}")


def _unbuilt(name: str, by_name: dict[str, Requirement]) -> Unresolvable:
    wanted = by_name.get(canonical(name), name)
    return Unresolvable(
        f"`{wanted}` needs a build from source, which this tenant does not allow: no wheel of it "
        f"is there for Python {this_python()} on {this_platform()}. Choose a version that has "
        "one, or ask the operator for packages.wheels_only: false.",
        field="requirements",
        requirement=str(wanted),
    )


def _unknown(
    name: str, by_name: dict[str, Requirement], text: str, packages: Packages
) -> Unresolvable:
    wanted = by_name.get(name, name)
    where = (
        f"no distribution of that name is in {', '.join(packages.find_links) or 'any folder'}, "
        "and no index is asked (packages.offline)"
        if packages.offline
        else "the package index has no distribution of that name"
    )
    if "network was disabled" in text:
        where = "it is not among the downloads kept, and the network is off"
    by = "" if name in by_name else f", which another requirement needs ({_reason(text)})"
    return Unresolvable(
        f"`{wanted}` cannot be had{by}: {where}. Correct the name, or leave it out.",
        field="requirements",
        requirement=str(wanted),
    )


def _conflict(
    text: str,
    by_name: dict[str, Requirement],
    fixed: Iterable[str],
    newest: Callable[[str], str | None],
) -> Unresolvable:
    reason = _reason(text)
    found = _NO_VERSION.search(text)
    if found and (wanted := by_name.get(canonical(found[1]))) and str(wanted.specifier):
        last = newest(wanted.name)
        if last is not None and not wanted.specifier.contains(last, prereleases=True):
            return Unresolvable(
                f"`{wanted}` cannot be had: the package index has no such version of "
                f"{wanted.name}; the newest it has is {last}.",
                field="requirements",
                requirement=str(wanted),
            )
    for line in fixed:
        name, _, version = line.partition("==")
        own = by_name.get(canonical(name))
        if own is not None and not own.specifier.contains(version, prereleases=True):
            return Unresolvable(
                f"`{own}` conflicts with the platform's {line}, which connects notebooks and "
                f"workers: state `{line}` or leave {own.name} out.",
                field="requirements",
                requirement=str(own),
            )
    named = [str(one) for name, one in by_name.items() if _names(text, name)]
    return Unresolvable(
        f"the requirements {', '.join(f'`{one}`' for one in named)} cannot be met together: "
        f"{reason}"
        if named
        else f"the requirements cannot be met: {reason}",
        field="requirements",
        requirement=named[0] if named else None,
    )


def _names(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text.lower()) is not None


def _reason(text: str) -> str:
    """Return uv's own explanation on one line, without what is only its conclusion."""
    body = text.partition("\nhint:")[0]
    lines = [line.strip() for line in body.splitlines() if line.strip()]
    lines = [
        line.removeprefix("cause: ").removeprefix("╰─▶ ").removeprefix("error: ").removeprefix("× ")
        for line in lines
        if "No solution found" not in line
    ]
    sentence = _CONCLUSION.sub("", " ".join(lines)).strip().rstrip(".")
    return (sentence[:600] or "uv gives no reason") + "."

"""What two runs of the same cell may print differently: a fixed list, each entry with its reason.

Whatever is not on the list counts as a difference. A figure such as "took 3.2 s" is not on it:
nothing tells it from a result. Where it changes from run to run, two plain runs show that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

Window = tuple[datetime, datetime]
"""Beginning and end of a run, zone-aware."""


@dataclass(frozen=True)
class Scrub:
    """One entry: what is replaced by what, and why it says nothing about a result.

    Attributes:
        hint: a piece of all that the pattern finds: looking for it is much faster, and nearly no
            text has it. Empty: always look.
    """

    pattern: re.Pattern[str]
    replacement: str
    reason: str
    hint: str = ""

    def sub(self, text: str) -> str:
        """Return ``text`` with all that is found replaced."""
        return self.pattern.sub(self.replacement, text) if self.hint in text else text


def _scrub(pattern: str, replacement: str, reason: str, hint: str = "") -> Scrub:
    return Scrub(re.compile(pattern, re.MULTILINE), replacement, reason, hint)


SCRUBS: tuple[Scrub, ...] = (
    _scrub(
        r"\bat 0x[0-9a-fA-F]{8,16}\b",
        "at 0x…",
        "memory addresses are chosen by the operating system for each process",
        "at 0x",
    ),
    _scrub(
        r"\bCell In ?\[\d+\]",
        "Cell In [n]",
        "execution counts begin anew in each task, and a task has cells of its own",
        "Cell In",
    ),
    _scrub(
        r"<ipython-input-\d+-[0-9a-f]+>",
        "<ipython-input>",
        "execution counts begin anew in each task, and a task has cells of its own",
        "<ipython-input-",
    ),
    _scrub(
        r"^Input \x1b?\[?[\d;]*m?In ?\[\d+\]",
        "Input In [n]",
        "execution counts begin anew in each task, and a task has cells of its own",
        "Input ",
    ),
    _scrub(
        r"[^\s'\"<>]*/ipykernel_\d+/\d+\.py(:\d+(?=: \w+Warning: ))?",
        "<cell>.py",
        "IPython names the file of a cell after the process and the count of the cell, and where a "
        "function that warns is repeated for another task, it stands on another line",
        "/ipykernel_",
    ),
    _scrub(
        r"^(CPU times: ).*$",
        r"\1…",
        "%time and %%time measure how busy the machine was",
        "CPU times: ",
    ),
    _scrub(
        r"^(Wall time: ).*$",
        r"\1…",
        "%time and %%time measure how busy the machine was",
        "Wall time: ",
    ),
    _scrub(
        r"^.*\bper loop \(mean ± std\. dev\. of .*\)$",
        "… per loop",
        "%timeit measures how busy the machine was; so does how many loops it makes",
        "per loop (mean",
    ),
    _scrub(
        r"^The slowest run took .* times longer than the fastest\..*$",
        "",
        "%timeit measures how busy the machine was",
        "The slowest run took ",
    ),
    _scrub(
        r"\[\d[\d:]*(?:<|&lt;)[^\]\n]*\]",
        "[…]",
        "a progress bar ends with the time it took and its rate",
        "<",
    ),
    _scrub(
        r"\b\d+(\.\d+)?(s|ms|us|µs)( \d+(\.\d+)?(s|ms|us|µs)/(step|epoch|sample))",
        "…/step",
        "Keras prints how long each step took",
        "/",
    ),
    _scrub(
        r"(/tmp|/var/tmp|/var/folders/\S+?/T)/tmp[a-z0-9_]{8}\b",
        "<temporary>",
        "names of temporary files and folders are drawn at random, whatever the seed",
        "tmp",
    ),
    _scrub(
        r"\b[pP][iI][dD]([ =:]+)\d+\b",
        r"pid\g<1>…",
        "process ids are given out by the operating system",
    ),
    _scrub(
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[147][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b",
        "<uuid>",
        "UUIDs of versions 1, 4 and 7 are made of the clock or drawn at random",
        "-",
    ),
    _scrub(
        r"https?://[^\s'\"<>]*/experiments/\w+(/runs/[0-9a-f]{32})?",
        "<mlflow>",
        "MLflow draws the id of a run at random and prints its address",
        "/experiments/",
    ),
    _scrub(
        r"\bIPY_MODEL_[0-9a-f]{32}\b",
        "IPY_MODEL_…",
        "ids of widgets are drawn at random",
        "IPY_MODEL_",
    ),
    _scrub(
        r"\bsk-(container|estimator|top-container)-(id|div)-\d+\b",
        r"sk-\1-\2",
        "scikit-learn counts the diagrams that a process has drawn",
        "sk-",
    ),
    _scrub(
        r"\bT_[0-9a-f]{5}(?=[_\"' {.#])",
        "T_…",
        "a pandas Styler draws the id of its table at random",
        "T_",
    ),
    _scrub(
        r"\b(altair-viz|vg-tooltip|plotly-html-element|output_area|bk|p)-[0-9a-f]{8,32}\b",
        r"\1-…",
        "plotting libraries draw the id of the element they fill at random",
    ),
    _scrub(
        r"(?<=id=\")(df-)?[0-9a-f]{32}(?=\")",
        "…",
        "ids of HTML elements are drawn at random so that no two on a page are the same",
        "id=",
    ),
    _scrub(
        r"<dc:date>[^<]*</dc:date>",
        "<dc:date/>",
        "matplotlib writes the time of drawing into an SVG",
        "<dc:date>",
    ),
)

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_TIME = re.compile(
    r"\b(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)([.,]\d{1,9})?(Z|[+-]\d\d:?\d\d)?"
)
_SVG_ID = re.compile(r"\bid=\"([^\"]+)\"")


def scrub(text: str, window: Window | None = None) -> str:
    """Return ``text`` without what the list names, and without colours.

    Args:
        window: instants within it, printed in the ISO form that ``logging`` and ``str`` use, are
            the clock's reading and left out; None: no instant is.
    """
    text = _ANSI.sub("", text)
    for entry in SCRUBS:
        text = entry.sub(text)
    if window is not None:
        text = _TIME.sub(_clock(window), text)
    return text


def _clock(window: Window) -> Callable[[re.Match[str]], str]:
    # A second more on either side: what is printed is often cut to whole seconds.
    first, last = window[0].timestamp() - 1, window[1].timestamp() + 1

    def replace(match: re.Match[str]) -> str:
        stated = match[8].replace("Z", "+00:00") if match[8] else ""
        try:
            read = datetime.fromisoformat(match[0][:19].replace(" ", "T") + stated)
        except ValueError:
            return match[0]
        # Without a zone it may be local time or UTC.
        readings = [read] if stated else [read.astimezone(), read.replace(tzinfo=UTC)]
        ours = any(first <= one.timestamp() <= last for one in readings)
        return "<now>" if ours else match[0]

    return replace


def fold(text: str) -> str:
    r"""Return printed text as a terminal shows it: ``\r`` begins a line again, ``\b`` goes back."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if "\r" not in line and "\b" not in line:
            lines.append(line)
            continue
        shown: list[str] = []
        at = 0
        for character in line:
            if character == "\r":
                at = 0
            elif character == "\b":
                at = max(0, at - 1)
            else:
                shown[at : at + 1] = [character]
                at += 1
        lines.append("".join(shown).rstrip(" "))
    return "\n".join(lines)


def scrub_svg(text: str) -> str:
    """Return an SVG without its date and with its ids counted: matplotlib draws them at random."""
    text = scrub(text)
    identities: Sequence[str] = list(dict.fromkeys(_SVG_ID.findall(text)))
    if not identities:
        return text
    numbers = {identity: f"id{number}" for number, identity in enumerate(identities)}
    reference = re.compile(
        r"(?<=[\"#])("
        + "|".join(map(re.escape, sorted(numbers, key=len, reverse=True)))
        + r")(?=[\")])"
    )
    return reference.sub(lambda match: numbers[match[1]], text)

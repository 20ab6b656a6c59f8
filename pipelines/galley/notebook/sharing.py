"""Which other names a change of one name's object reaches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from galley.notebook.facts import Link, Tie


def neighbours(links: Iterable[Link]) -> dict[str, list[Link]]:
    """Return name → the links that it is an end of."""
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(link.target, []).append(link)
        found.setdefault(link.source, []).append(link)
    return found


def reached(name: str, near: Mapping[str, list[Link]], *, deep: bool) -> set[str]:
    """Return the names whose values a change of ``name`` may alter, itself included.

    A change goes to the same object under other names and to all that hold it; a deep one goes
    to its parts too.
    """
    # How far it goes down: not at all, to what was taken out of a holder, to all parts.
    none, taken, parts = 0, 1, 2
    seen: set[tuple[str, int]] = set()
    todo = [(name, parts if deep else none)]
    while todo:
        one = todo.pop()
        if one in seen or (one[0], parts) in seen:
            continue
        seen.add(one)
        here, down = one
        for link in near.get(here, ()):
            other = link.source if link.target == here else link.target
            if link.tie is Tie.CONTENT:
                if down == parts:
                    todo.append((other, parts))
            elif link.tie is not Tie.PART:
                todo.append((other, down))
            elif link.holder != here:
                # What a holder got may be what is taken out of it elsewhere, and the reverse.
                todo.append((other, taken if link.holder == link.target else parts))
            elif down == parts or (down == taken and link.holder == link.source):
                todo.append((other, parts))
    return {one for one, _ in seen}


def together(name: str, near: Mapping[str, list[Link]]) -> set[str]:
    """Return the names that share an object with ``name`` through any links, itself included."""
    seen = {name}
    todo = [name]
    while todo:
        here = todo.pop()
        for link in near.get(here, ()):
            for other in (link.source, link.target):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
    return seen

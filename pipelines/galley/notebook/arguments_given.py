"""What a call hands to the parameters of a function of the notebook."""

from __future__ import annotations

from galley.notebook.facts import CallSite, Change, Function
from galley.notebook.scopes import ARGUMENT


def is_outer(site: CallSite) -> bool:
    """Whether a call is given none of its function's own parameters."""
    groups = [site.receiver, *site.arguments, *(names for _, names in site.keywords)]
    return not any(name.startswith(ARGUMENT) for group in groups for name in group)


def add_change(changes: dict[str, Change], name: str, change: Change) -> None:
    """Note a change of a name's object; a deep or sure one outweighs another."""
    old = changes.get(name, Change(deep=False, sure=False))
    changes[name] = Change(old.deep or change.deep, old.sure or change.sure)


def given(function: Function, site: CallSite, name: str) -> set[str]:
    """Return the names that reach the argument of a call for a parameter ``@name``."""
    parameter = name.removeprefix(ARGUMENT)
    parameters = function.parameters
    found: set[str] = set()
    if parameter not in parameters:
        return found
    position = parameters.index(parameter)
    if site.method:
        if position == 0:
            return set(site.receiver)
        position -= 1
    if position < len(site.arguments):
        found |= site.arguments[position]
    if position == len(parameters) - 1:
        for extra in site.arguments[position:]:
            found |= extra
    for key, names in site.keywords:
        if key in {parameter, ""}:
            found |= names
    return found

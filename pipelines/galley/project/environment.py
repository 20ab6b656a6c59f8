"""``env.yaml`` and the placeholders of ``pipeline.yaml``, so that values keep their types.

Ploomber renders ``"{{name}}"`` to text and reads the text back as a Python literal where it is
one: the text ``"3"`` would become a number, and braces in a text would be read as placeholders.
So text that is not obviously text is written as a Python literal in ``env.yaml``, and its
placeholder renders the literal again. ``ploomber build --env--NAME VALUE`` goes the same way:
``--env--n 3`` is a number, ``--env--label '"3"'`` is text, and a number given for a text is an
error instead of a silent change.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from galley.domain.parameters import ParameterSchema

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_CONSTANTS = frozenset({"true", "false", "none", "null"})

RENAMED = frozenset(
    # These have a meaning of their own: the first ones for Ploomber, the others for Jinja.
    {"path", "meta", "user", "cwd", "now", "root", "here", "git", "git_hash"}
    | {"self", "true", "false", "none", "super", "loop", "caller", "varargs", "kwargs"}
    | {"context", "range", "dict", "lipsum", "cycler", "joiner", "namespace"}
)
"""Parameter names that stand as ``NAME_`` in ``env.yaml``."""


def environment_keys(names: Iterable[str]) -> dict[str, str]:
    """Return parameter name → its key in ``env.yaml``, the name itself where Ploomber allows it.

    Keys have no leading underscore and no double one, which Ploomber refuses.
    """
    names = list(names)
    keys: dict[str, str] = {}
    for name in sorted(names, key=lambda one: (not _is_key(one), names.index(one))):
        key = name if _is_key(name) else _nearest_key(name)
        number = 2
        base = key
        while key in keys.values():
            key, number = f"{base}{number}", number + 1
        keys[name] = key
    return {name: keys[name] for name in names}


def _is_key(name: str) -> bool:
    return not (name in RENAMED or name.startswith("_") or "__" in name or not name.isascii())


def _nearest_key(name: str) -> str:
    ascii_name = name.encode("ascii", "replace").decode().replace("?", "x")
    key = re.sub(r"_+", "_", ascii_name).strip("_") or "value"
    if key[0].isdigit():
        key = f"value{key}"
    return key if _is_key(key) else f"{key}_"


def encode(schema: Mapping[str, Any], value: Any) -> Any:
    """Return what ``env.yaml`` holds for a value: itself where its type survives as it is.

    Raises:
        ValueError: the value is not finite JSON.
    """
    if isinstance(value, str):
        return value if _is_plain(value) else literal(value)
    if isinstance(value, dict):
        # Twice where it is declared as a mapping, or Ploomber would take it for a section of
        # env.yaml and offer --env--NAME--KEY.
        return literal(literal(value) if schema.get("type") else value)
    if isinstance(value, list):
        simple = all(not isinstance(one, list | dict | str) or _is_plain(one) for one in value)
        return value if simple else literal(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise ValueError(f"{value!r} is not finite JSON")


def _is_plain(value: Any) -> bool:
    return (
        isinstance(value, str)
        and _PLAIN.fullmatch(value) is not None
        and value.lower() not in _CONSTANTS
    )


def literal(value: Any) -> str:
    """Return JSON data as a Python literal without anything that Jinja reads as a mark."""
    if isinstance(value, str):
        return repr(value).replace("{", r"\x7b").replace("[", r"\x5b")
    if isinstance(value, list):
        inner = ", ".join(literal(one) for one in value)
        return f"[ {inner}]" if inner.startswith("[") else f"[{inner}]"
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{literal(key)}: {literal(one)}" for key, one in value.items()) + "}"
        )
    return repr(value)


def placeholder(schema: Mapping[str, Any], key: str) -> str:
    """Return the placeholder of one parameter, which renders to a Python literal of its type."""
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    others = [kind for kind in kinds if kind != "null"]
    by_kind = {"string": f"'%r' | format({key} + '')", "number": f"{key} * 1.0"}
    if len(others) != 1:
        value = f"'%r' | format({key})"
    elif others[0] not in by_kind:
        value = key
    elif "null" in kinds or "default" not in schema:
        value = f"{key} if {key} is none else {by_kind[others[0]]}"
    else:
        value = by_kind[others[0]]
    return "{{ " + value + " }}"


HEADER = """\
# Values of the parameters. Another one for one build:  ploomber build --env--NAME VALUE
# VALUE is read as a Python literal where it is one (3, None, [1, 2]), else as text; text that
# looks like a literal needs quotes of its own:        ploomber build --env--NAME '"3"'
"""


def environment_yaml(schema: ParameterSchema, values: Mapping[str, Any]) -> str:
    """Return ``env.yaml`` with the values of all parameters."""
    lines = [HEADER]
    for name, key in environment_keys(schema.properties).items():
        if name not in values:
            lines.append(f"# `{name}` has no default: give it a value.\n")
        elif key != name:
            lines.append(f"# the parameter `{name}`\n")
        value = encode(schema.properties[name], values.get(name))
        lines.append(yaml.safe_dump({key: value}, width=1e9, allow_unicode=True))
    return "".join(lines) if schema.properties else f"{HEADER}{{}}\n"

"""Reading the tenants file; every mistake is told with its full key path, all at once."""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from galley.domain.tenants import Tenants
from galley.errors import InvalidInput


def load(path: Path) -> Tenants:
    """Read and check the tenants file.

    Raises:
        InvalidInput: the file is missing, is not YAML, or says something that is not allowed;
            ``data["problems"]`` lists each with its key, value and what is allowed.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"Cannot read the tenants file {path}: {error.strerror}.") from error
    return parse(text, source=str(path))


def parse(text: str, *, source: str) -> Tenants:
    """Check the text of a tenants file; ``source`` names it in errors.

    Raises:
        InvalidInput: see :func:`load`.
    """
    try:
        data = yaml.load(text, _UniqueKeys)  # noqa: S506 (a SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}:" if mark else ""
        raise InvalidInput(f"{source}:{where} {error.problem}.") from error
    if data is None:
        raise InvalidInput(f"{source} is empty: it needs the key 'tenants'.", field="tenants")
    try:
        return Tenants.model_validate(data)
    except ValidationError as error:
        problems = [_sentence(problem) for problem in error.errors()]
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise InvalidInput(
            f"{source}:\n{listed}",
            field=_path(error.errors()[0]["loc"]),
            problems=problems,
        ) from error


class _UniqueKeys(yaml.SafeLoader):
    """YAML where a key given twice is an error instead of silently the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _path(location: Iterable[int | str]) -> str:
    text = ""
    for part in location:
        if part == "[key]":
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.lstrip(".") or "the file"


def _sentence(problem: Any) -> str:
    path, kind = _path(problem["loc"]), problem["type"]
    if kind == "missing":
        return f"{path}: is required and missing."
    if kind == "extra_forbidden":
        allowed = _keys_at(problem["loc"][:-1])
        near = difflib.get_close_matches(str(problem["loc"][-1]), allowed, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"{path}: unknown key; allowed here: {', '.join(allowed)}.{hint}"
    message = problem["msg"].removeprefix("Value error, ").rstrip(".")
    message = message.replace("Input should be", "it should be")
    if kind == "value_error" and isinstance(problem["input"], dict):
        return f"{path}: {message}."
    if kind in {"tuple_type", "list_type"}:
        message = f"write a list, such as [{problem['input']}]"
    return f"{path}: {_shown(problem['input'])} is not allowed: {message}."


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _keys_at(location: Sequence[int | str]) -> list[str]:
    """Return the keys that are allowed at a place of the file."""
    annotation: Any = Tenants
    for part in location:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            annotation = annotation.model_fields[str(part)].annotation
        else:
            annotation = get_args(annotation)[-1]
    return list(annotation.model_fields)

"""Values of a run as literals of R and Julia: the text that was given, and never code.

papermill writes text as Python escapes it. In R ``"\\xe9"`` is a byte, not ``é``; in Julia
``"$(run(`…`))"`` is a command that is executed. Importing this module mends both for its process.
"""

from __future__ import annotations

from papermill.translators import (
    JuliaTranslator,
    RTranslator,
    papermill_translators,
    translate_parameters,
)

__all__ = ["translate_parameters"]

_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", '"': '\\"'}


def _quoted(text: str, more: str = "") -> str:
    return '"' + "".join(_escaped(one, more) for one in text) + '"'


def _escaped(character: str, more: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character in more:
        return f"\\{character}"
    if " " <= character <= "~":
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


class _R(RTranslator):  # type: ignore[misc]
    @classmethod
    def translate_str(cls, val: str) -> str:
        return _quoted(val)


class _Julia(JuliaTranslator):  # type: ignore[misc]
    @classmethod
    def translate_str(cls, val: str) -> str:
        return _quoted(val, more="$")


papermill_translators.register("R", _R)
papermill_translators.register("julia", _Julia)

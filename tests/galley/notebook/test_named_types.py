from __future__ import annotations

import ast

import pytest
from galley.notebook.named_types import fields_made, is_type

IMPORTS = {
    "np": "numpy",
    "plt": "matplotlib.pyplot",
    "Iterator": "typing.Iterator",
    "Callable": "collections.abc.Callable",
    "namedtuple": "collections.namedtuple",
    "NamedTuple": "typing.NamedTuple",
    "make_dataclass": "dataclasses.make_dataclass",
    "NewType": "typing.NewType",
    "TypeVar": "typing.TypeVar",
    "Enum": "enum.Enum",
    "conf": "settings.conf",
}


def expression(source: str) -> ast.expr:
    return ast.parse(source, mode="eval").body


@pytest.mark.parametrize(
    "source",
    [
        "int",
        "set[Cell]",
        "dict[str, list[Cell]]",
        "tuple[int, ...]",
        "Iterator[World]",
        "Callable[[int, Cell], World]",
        "np.ndarray",
        "int | None",
        "Cell | None",
        "Cell | int | str",
    ],
)
def test_names_a_type(source: str) -> None:
    assert is_type(expression(source), IMPORTS)


@pytest.mark.parametrize(
    "source",
    [
        "other",
        "rows[0]",
        "left | right",
        "counts[key] | None or 1",
        "np.pi",
        "plt.rcParams",
        "np.RANDOM",
        "list(rows)",
        "set[make()]",
        "dict[(kind := 'a')]",
        "None",
        "conf.Options",
    ],
)
def test_may_be_any_value(source: str) -> None:
    assert not is_type(expression(source), IMPORTS)


def test_a_name_of_a_type_may_be_the_notebooks_own() -> None:
    for source in ("list", "list[0]", "dict['a'] | other", "list | other"):
        assert not is_type(expression(source), IMPORTS, {"list", "dict"})


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("namedtuple('P', 'x y')", ("x", "y")),
        ("namedtuple('P', 'x, y')", ("x", "y")),
        ("namedtuple('P', ['x', 'y'], defaults=[1])", ("x", "y")),
        ("NamedTuple('P', [('x', int), ('y', Cell)])", ("x", "y")),
        ("make_dataclass('P', ['x', ('y', int)])", ("x", "y")),
        ("NewType('P', int)", ("value",)),
        ("Enum('P', 'RED GREEN')", ()),
        ("TypeVar('P')", ()),
        ("namedtuple('Q', 'x y')", None),
        ("namedtuple('P', fields)", None),
        ("NamedTuple('P', [()])", None),
        ("namedtuple('P', [1, 2])", None),
        ("namedtuple('P', ['x', name])", None),
        ("namedtuple('P', make())", None),
        ("namedtuple(name, 'x y')", None),
        ("tuple('P')", None),
        ("rows", None),
    ],
)
def test_the_fields_of_a_type_that_is_made(source: str, fields: tuple[str, ...] | None) -> None:
    assert fields_made("P", expression(source), IMPORTS) == fields

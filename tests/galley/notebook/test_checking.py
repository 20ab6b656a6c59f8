"""What stands below a check waits for it; what leaves the run waits for all that is above."""

from __future__ import annotations

import pytest
from galley.domain.split import SplitPlan

from .builders import code, markdown
from .test_split import plan, sections


def waits(made: SplitPlan) -> list[tuple[str, str]]:
    return list(made.order)


LOAD = "x = load()"


@pytest.mark.parametrize(
    "check",
    [
        "assert x > 0",
        "if x < 0:\n    raise ValueError('negative')",
        "for one in [x]:\n    assert one",
        "with open_it():\n    assert x",
        "try:\n    import nothing\nexcept ImportError:\n    raise",
        "if x < 0:\n    import sys\n    sys.exit(1)",
        "validate(x)",
        "schema.validate(x)",
        "self_check = check_rows(x)",
        "np.testing.assert_allclose(x, 1)",
        "suite.assertEqual(x, 1)",
        "def look(x):\n    if x < 0:\n        raise ValueError(x)\nlook(x)",
        "def inner(x):\n    assert x\ndef look(x):\n    inner(x)\nlook(x)",
        "ok: bool = validate(x)",
        "async def look(x):\n    assert x\nawait look(x)",
    ],
)
def test_what_is_below_a_check_waits_for_it(check: str) -> None:
    made = plan(*sections(LOAD, check, "write_report()"))
    assert waits(made) == [("part_1", "part_2")]
    assert made.tasks[2].upstream == ("part_1",)


@pytest.mark.parametrize(
    "other",
    [
        "print(x > 0)",
        "def look(x):\n    assert x\ny = 1 + x",
        "def look(x):\n    assert x\nok = look(x)",
        "class Row:\n    def look(self):\n        raise ValueError\nprint(x)",
        "try:\n    assert x\nexcept AssertionError:\n    print('no')",
        "checked = x",
        "rechecking(x)",
    ],
)
def test_what_checks_nothing_is_not_waited_for(other: str) -> None:
    made = plan(*sections(LOAD, other, "write_report()"))
    assert waits(made) == []
    assert made.tasks[2].upstream == ()


def test_a_check_that_is_expected_to_fail_is_not_waited_for() -> None:
    cells = sections(LOAD, "", "write_report()")
    cells[3] = code("assert x", "raises-exception")
    assert waits(plan(*cells)) == []


def test_only_what_needs_to_be_said_is_said() -> None:
    made = plan(*sections("assert load()", "a = f()\nassert a", "show(a)", "two()"))
    assert waits(made) == [("part_0", "part_1"), ("part_1", "part_3")]


@pytest.mark.parametrize(
    "sends",
    [
        "requests.post('https://example.org', json=1)",
        "import smtplib\nsmtplib.SMTP('mail').send_message(1)",
        "table().to_sql('results', engine())",
        "import pandas as pd\npd.Series([1]).to_csv('/datasets/out/a.csv')",
        "client.register_model('a', 'b')",
        "def notify(u):\n    requests.post(u)\ndef all_of_it():\n    notify('x')\nall_of_it()",
    ],
)
def test_what_leaves_the_run_waits_for_all_above(sends: str) -> None:
    made = plan(*sections("one()", "two()", sends, "three()"))
    assert waits(made) == [("part_1", "part_2"), ("part_0", "part_2")]


@pytest.mark.parametrize("inside", ["import numpy as np\nnp.put(a(), 0, 1)", "to_csv('a.csv')"])
def test_what_stays_in_the_run_does_not_wait(inside: str) -> None:
    assert waits(plan(*sections("one()", inside))) == []


def test_the_authors_arrangement_waits_as_well() -> None:
    made = plan(
        markdown("# T"),
        code("one()\nassert load()", "task:look"),
        code("send()", "task:send"),
    )
    assert waits(made) == [("look", "send")]


def test_what_a_file_checks_that_is_run_counts() -> None:
    made = plan(
        *sections("x = load()", "%run checks.py\none(x)", "write_report()"),
        modules={"checks.py": "assert ready()\n"},
    )
    assert waits(made) == [("part_1", "part_2")]

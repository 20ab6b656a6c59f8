from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from galley.domain import templates
from galley.domain.templates import Context, check_plain, render
from galley.errors import InvalidInput
from hypothesis import given, settings
from hypothesis import strategies as st

AT = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
CONTEXT = Context(
    logical_date=AT,
    data_interval_start=AT - timedelta(days=1),
    data_interval_end=AT,
    run_id=UUID(int=7),
    previous_success=None,
    zone=ZoneInfo("Europe/Berlin"),
)
LATER = CONTEXT._replace(previous_success=AT - timedelta(days=2))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ logical_date }}", "2026-03-28T23:30:00+00:00"),
        ("{{ data_interval_start | iso }}", "2026-03-27T23:30:00+00:00"),
        ("{{ logical_date | date }}", "2026-03-28"),
        ("{{ logical_date | local | date }}", "2026-03-29"),
        ("{{ logical_date | local }}", "2026-03-29T00:30:00+01:00"),
        ("s3://x/{{ logical_date | date('%Y/%m/%d') }}.csv", "s3://x/2026/03/28.csv"),
        ("{{ (logical_date - days(1)) | date }}", "2026-03-27"),
        (
            "{{ (logical_date + weeks(1) + hours(1) - minutes(30)) | iso }}",
            "2026-04-05T00:00:00+00:00",
        ),
        ("{{ (logical_date + days(-1)) | date }}", "2026-03-27"),
        ("{{ logical_date | timestamp }}", "1774740600"),
        ("{{ run_id }}", "00000000-0000-0000-0000-000000000007"),
        ("{{ previous_success or data_interval_start }}", "2026-03-27T23:30:00+00:00"),
        ("{{ data_interval_end | date }}..{{ logical_date | date }}", "2026-03-28..2026-03-28"),
    ],
)
def test_what_templates_come_to(source: str, text: str) -> None:
    assert render("p", source, CONTEXT) == text


def test_the_latest_success_is_there_once_there_is_one() -> None:
    assert render("p", "{{ previous_success | date }}", LATER) == "2026-03-26"


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("{% for x in [1] %}{{ x }}{% endfor %}", "a loop is not allowed"),
        ("{% if logical_date %}x{% endif %}", "a condition is not allowed"),
        ("{% macro m() %}{{ m() }}{% endmacro %}", "a macro is not allowed"),
        ("{% include 'x' %}", "an include is not allowed"),
        ("{% import 'x' as x %}", "an import is not allowed"),
        ("{% extends 'x' %}", "an extends is not allowed"),
        ("{% set x = 1 %}", "an assignment is not allowed"),
        ("{{ logical_date.year }}", "an attribute is not allowed"),
        ("{{ run_id.__class__.__mro__ }}", "an attribute is not allowed"),
        ("{{ run_id['__class__'] }}", "an item is not allowed"),
        ("{{ run_id | attr('__class__') }}", "the filter 'attr' is not allowed"),
        ("{{ self }}", "the name 'self' is not allowed"),
        ("{{ zone }}", "the name 'zone' is not allowed"),
        ("{{ now }}", "the name 'now' is not allowed"),
        ("{{ range(9) }}", "a call is not allowed"),
        ("{{ run_id() }}", "a call is not allowed"),
        ("{{ days(1)() }}", "a call is not allowed"),
        ("{{ days(1, 2) }}", "other than one number"),
        ("{{ days(*[1]) }}", "other than one number"),
        ("{{ 'x' * 1000000000 }}", "multiplication is not allowed"),
        ("{{ 9 ** 9 ** 9 }}", "a power is not allowed"),
        ("{{ logical_date | date(run_id) }}", "what the filter 'date' is given"),
        ("{{ logical_date | date('%s') }}", "directive other than"),
        ("{{ logical_date | date('%99999999Y') }}", "directive other than"),
        ("{{ logical_date + days(1) | date }}", "filters bind before sums"),
        ("{{ days(1) }}", "add it to an instant"),
        ("{{ logical_date + days(999999999999) }}", "too large"),
        ("{{ logical_date - days(999999) }}", "out of range"),
        ("{{ logical_date + logical_date }}", "unsupported operand"),
        ("{{ days('1') + logical_date }}", "takes a whole number"),
        ("{{ previous_success }}", "before the first success"),
        ("{{ previous_success | date }}", "before the first success"),
        ("{{ ", "cannot be read"),
        ("{{ " + "(" * 400 + "1" + ")" * 400 + " }}", "."),
        ("{{ " + " + ".join(["run_id"] * 60) + " }}", "so long an expression"),
        ("{{ run_id }}" * 300, "more than 2000 characters"),
        ("{{ run_id }}" * 150, "so long an expression"),
    ],
)
def test_what_is_not_of_the_language_is_refused_with_the_reason(source: str, words: str) -> None:
    with pytest.raises(InvalidInput, match="the template") as caught:
        render("p", source, CONTEXT)
    assert words in caught.value.detail
    assert caught.value.field == "parameters.p"


def test_templates_within_lists_are_refused() -> None:
    with pytest.raises(InvalidInput, match="write the whole value as text"):
        check_plain("p", {"a": [1, "{{ run_id }}"]})
    check_plain("p", {"a": [1, "{ x }"]})


def test_which_names_templates_use() -> None:
    values = {"a": "{{ previous_success or logical_date }}", "b": 3, "c": "previous_failure"}
    assert templates.uses(values, "previous_success")
    assert not templates.uses(values, "run_id")
    assert not templates.is_template("{ x }")


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="{}%#|()+-'.[]_ ,*~=datelogicrunysf1", max_size=60))
def test_any_text_comes_to_text_or_a_clear_refusal(text: str) -> None:
    try:
        found = render("p", "{{" + text, CONTEXT)
    except InvalidInput as error:
        refused = error
    else:
        assert len(found) <= templates.MAX_RESULT
        return
    assert refused.field == "parameters.p"

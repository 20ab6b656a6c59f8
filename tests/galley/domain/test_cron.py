from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from cronsim import CronSim
from galley.domain import cron
from galley.domain.schedules import Firing
from galley.errors import InvalidInput
from hypothesis import given, settings
from hypothesis import strategies as st

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",  # shifts by half an hour
    "Africa/Casablanca",  # goes back for Ramadan
    "Asia/Kathmandu",
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def firings(parsed: cron.Cron, after: datetime, count: int) -> list[Firing]:
    return cron.explained(parsed, after, islice(parsed.after(after), count))


def oracle(expression: str, zone: str, start: datetime, end: datetime) -> list[datetime]:
    """Return the firings in (start, end] by walking minute by minute, by Debian's rules.

    With ``*`` in minute or hour: every real minute whose local time matches. Otherwise: every
    matching local minute once; one that is jumped over moves to the first minute after the jump,
    one that comes twice counts the first time.
    """
    parsed = cron.parse(expression, zone)
    minute, hour, *_ = expression.split()
    wanted_minutes, wanted_hours = _values(minute, 60), _values(hour, 24)
    found: set[datetime] = set()
    if minute.startswith("*") or hour.startswith("*"):
        instant = start.replace(second=0) + timedelta(minutes=1)
        while instant <= end:
            local = instant.astimezone(parsed.zone)
            if local.minute in wanted_minutes and local.hour in wanted_hours:
                found.add(instant)
            instant += timedelta(minutes=1)
    else:
        naive = (start - timedelta(days=2)).replace(tzinfo=None, hour=0, minute=0)
        while naive < end.replace(tzinfo=None) + timedelta(days=2):
            if naive.minute in wanted_minutes and naive.hour in wanted_hours:
                real = naive.replace(tzinfo=parsed.zone, fold=0)
                while real.astimezone(UTC).astimezone(parsed.zone).replace(
                    tzinfo=None
                ) != real.replace(tzinfo=None):
                    real += timedelta(minutes=1)
                found.add(real.astimezone(UTC))
            naive += timedelta(minutes=1)
    return sorted(instant for instant in found if start < instant <= end)


def _values(field: str, size: int) -> set[int]:
    if field == "*":
        return set(range(size))
    if field.startswith("*/"):
        return set(range(0, size, int(field[2:])))
    return {int(value) for value in field.split(",")}


def numbers(size: int) -> st.SearchStrategy[str]:
    return st.one_of(
        st.sampled_from(["*", "*/7", "*/15", "*/20"]),
        st.lists(st.integers(0, size - 1), min_size=1, max_size=3, unique=True).map(
            lambda values: ",".join(map(str, sorted(values)))
        ),
    )


hours = st.one_of(st.sampled_from(["0", "1", "2", "3", "1,2", "2,3", "*"]), numbers(24))
changes = st.sampled_from(
    [
        at(day)
        for day in (
            "2026-03-29T00:00+00:00",
            "2026-10-25T00:00+00:00",
            "2026-03-08T06:00+00:00",
            "2026-11-01T05:00+00:00",
            "2026-04-04T15:00+00:00",
            "2026-10-03T15:00+00:00",
            "2026-02-15T02:00+00:00",
            "2026-03-22T02:00+00:00",
        )
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    minute=numbers(60),
    hour=hours,
    zone=st.sampled_from(ZONES),
    change=changes,
    offset=st.integers(-600, 600),
)
def test_firings_agree_with_a_minute_by_minute_oracle_around_clock_changes(
    minute: str, hour: str, zone: str, change: datetime, offset: int
) -> None:
    expression = f"{minute} {hour} * * *"
    start = change + timedelta(minutes=offset)
    end = start + timedelta(hours=30)
    expected = oracle(expression, zone, start, end)
    parsed = cron.parse(expression, zone)
    found = [
        instant for instant in islice(parsed.after(start), len(expected) + 1) if instant <= end
    ]
    assert found == expected
    assert parsed.last_between(start, end, 5)[0] == expected[-5:]
    if expected:
        assert parsed.previous(end + timedelta(seconds=1)) == expected[-1]


def test_a_time_in_the_second_pass_of_a_repeated_hour_fires_nothing_twice() -> None:
    parsed = cron.parse("30 2 * * *", "Europe/Berlin")
    between = at("2026-10-25T02:15:00+01:00")  # 02:30 has fired an hour ago, in summer time
    assert parsed.next(between) == at("2026-10-26T02:30:00+01:00")


def test_two_times_within_the_jump_fire_once() -> None:
    parsed = cron.parse("15,45 2 29 3 *", "Europe/Berlin")
    found = list(islice(parsed.after(at("2026-03-28T00:00+01:00")), 2))
    assert found == [at("2026-03-29T03:00+02:00"), at("2027-03-29T02:15+02:00")]


def test_a_change_by_half_an_hour_loses_nothing() -> None:
    parsed = cron.parse("* 0 * * *", "Australia/Lord_Howe")
    found = list(islice(parsed.after(at("2026-04-04T15:00Z")), 60))
    assert (found[0], found[-1]) == (at("2026-04-05T13:30Z"), at("2026-04-05T14:29Z"))


def test_notes_tell_what_the_clock_does() -> None:
    parsed = cron.parse("30 2 * * *", "Europe/Berlin")
    forward = firings(parsed, at("2026-03-28T12:00+00:00"), 2)
    assert forward[0].local == "2026-03-29T03:00:00+02:00"
    assert forward[0].note is not None
    assert "runs at 03:00 instead" in forward[0].note
    assert forward[1].note is None
    back = firings(parsed, at("2026-10-24T12:00+00:00"), 3)
    assert "comes twice" in (back[0].note or "")
    assert back[1].note == "The clock has gone back by 1 h since the firing before."
    assert back[2].note is None
    hourly = firings(cron.parse("0 * * * *", "Europe/Berlin"), at("2026-03-29T00:30Z"), 2)
    assert hourly[0].note == "The clock has gone forward by 1 h since the firing before."
    half = firings(cron.parse("@daily", "Australia/Lord_Howe"), at("2026-04-04T12:00Z"), 3)
    assert "30 min" in " ".join(firing.note or "" for firing in half)


def test_in_utc_there_is_nothing_to_note() -> None:
    found = firings(cron.parse("*/15 * * * *", "UTC"), MONDAY, 200)
    assert {firing.note for firing in found} == {None}
    assert found[0].at == MONDAY + timedelta(minutes=15)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", "has 0 fields"),
        ("* * * *", "has 4 fields"),
        ("0 0 * * * *", "has 6 fields"),
        ("61 * * * *", "'61' is not a valid minute"),
        ("0 24 * * *", "'24' is not a valid hour"),
        ("0 0 0 * *", "'0' is not a valid day-of-month"),
        ("0 0 * 13 *", "'13' is not a valid month"),
        ("0 0 * * 8", "'8' is not a valid day-of-week"),
        ("0 0 * * FUN", "'FUN' is not a valid day-of-week"),
        ("*/0 * * * *", r"'\*/0' is not a valid minute"),
        ("5-1 * * * *", "'5-1' is not a valid minute"),
        ("٣ * * * *", "is not a valid minute"),
        ("0 0 31 2 *", "never fires: there is no day '31' in month '2'"),
        ("0 0 31 4,6 *", "never fires"),
        ("0 0 30 FEB *", "never fires"),
        ("@reboot", "not a preset: use @hourly"),
        ("* " * 300, "more than 200 characters"),
    ],
)
def test_a_wrong_expression_is_refused_by_its_field(expression: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        cron.parse(expression, "UTC", prefix="schedule.")
    assert caught.value.field == "schedule.cron"


@pytest.mark.parametrize(
    ("zone", "near"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("berlin", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("", None),
        ("../../etc/passwd", None),
        ("Europe", None),
        ("localtime", None),
        ("UTC\0", "UTC"),
    ],
)
def test_an_unknown_zone_is_refused_with_its_neighbours(zone: str, near: str | None) -> None:
    with pytest.raises(InvalidInput, match="not an IANA time zone") as caught:
        cron.parse("@daily", zone)
    assert caught.value.field == "timezone"
    if near is not None:
        assert near in caught.value.data["suggestions"]


@pytest.mark.parametrize("preset", cron.PRESETS)
def test_every_preset_fires(preset: str) -> None:
    assert cron.parse(preset.upper(), "Asia/Tokyo").next(MONDAY) is not None


def test_leap_days_and_last_days_are_found() -> None:
    leap = cron.parse("0 0 29 2 *", "UTC")
    assert leap.next(MONDAY) == at("2028-02-29T00:00Z")
    assert leap.previous(MONDAY) == at("2024-02-29T00:00Z")
    assert cron.parse("0 9 L * *", "UTC").next(MONDAY) == at("2026-03-31T09:00Z")
    monday_or_the_30th = cron.parse("0 9 30 2 1", "UTC")
    assert monday_or_the_30th.next(MONDAY) == at("2027-02-01T09:00Z")


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Pacific/Apia", "Africa/Casablanca"])
def test_what_fires_once_in_decades_is_looked_for_once(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[None] = []

    def counting(expression: str, after: datetime) -> CronSim:
        looked.append(None)
        return CronSim(expression, after)

    monkeypatch.setattr(cron, "CronSim", counting)
    parsed = cron.parse("0 12 29 2 */7", zone)
    looked.clear()
    found = list(parsed.after(MONDAY))
    assert [f"{one.astimezone(parsed.zone):%Y-%m-%dT%H:%M}" for one in found] == [
        f"{year}-02-29T12:00" for year in (2032, 2060, 2088, 2128, 2156, 2184)
    ]
    assert len(looked) < 30


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_no_firing_is_beyond_the_years_that_are_planned_for(zone: str) -> None:
    parsed = cron.parse("0 0 1 * *", zone)
    assert len(list(parsed.after(at("2199-06-02T00:00Z")))) in {6, 7}
    assert parsed.next(at("9999-12-31T23:00Z")) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("5-5/2 * * * *", "5 * * * *"),
        ("05-5/2 0-0/3 * * *", "5 0 * * *"),
        ("0 0 * feb-2/2 mon-1/2", "0 0 * 2 1"),
        ("0 0 * * sun-0/2", "0 0 * * 0"),
        ("0 0 * * 1,3-3/2,5", "0 0 * * 1,3,5"),
        ("5-9/2 * * * *", "5,7,9 * * * *"),
    ],
)
def test_a_range_with_a_step_ends_where_it_says(written: str, meant: str) -> None:
    one, other = (
        list(islice(cron.parse(text, "UTC").after(MONDAY), 20)) for text in (written, meant)
    )
    assert one == other


def test_words_for_a_schedule() -> None:
    assert cron.describe(cron.parse("30 6 * * 1-5", "UTC")) == "At 06:30 on Monday through Friday"


def test_the_latest_of_a_year_of_minutes() -> None:
    parsed = cron.parse("* * * * *", "UTC")
    found, more = parsed.last_between(MONDAY - timedelta(days=365), MONDAY, 3)
    assert found == [MONDAY - timedelta(minutes=back) for back in (2, 1, 0)]
    assert more
    found, more = parsed.last_between(MONDAY - timedelta(minutes=2), MONDAY, 3)
    assert (len(found), more) == (2, False)
    assert parsed.last_between(MONDAY, MONDAY, 3) == ([], False)


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="0123456789*/,-LW#@ MONFEB\t", max_size=30))
def test_any_text_is_a_schedule_or_a_clear_refusal(text: str) -> None:
    try:
        parsed = cron.parse(text, "Europe/Berlin")
    except InvalidInput as error:
        refused = error
    else:
        assert parsed.next(MONDAY) is not None
        assert cron.describe(parsed)
        return
    assert refused.field == "cron"

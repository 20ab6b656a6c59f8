"""The list of what two runs may print differently, and what is not on it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from galley.notebook.scrub import SCRUBS, fold, scrub, scrub_svg

RUN = (datetime(2026, 11, 21, 9, 0, tzinfo=UTC), datetime(2026, 11, 21, 9, 10, tzinfo=UTC))

NOISE = [
    ("<__main__.Model object at 0x7f1c2a3b4c5d>", "<__main__.Model object at 0x7e0000003210>"),
    ("Cell In[3], line 2", "Cell In[14], line 2"),
    ("<ipython-input-3-1a2b3c> in f()", "<ipython-input-9-1a2b3c> in f()"),
    ("Input In [3], in <cell>", "Input In [4], in <cell>"),
    (
        "/tmp/ipykernel_123/4051.py:3: UserWarning: careful",
        "/tmp/ipykernel_9/88.py:12: UserWarning: careful",
    ),
    ("CPU times: user 2 ms, sys: 1 ms, total: 3 ms", "CPU times: user 4 s, sys: 0 ns, total: 4 s"),
    ("Wall time: 3.1 ms", "Wall time: 2 s"),
    (
        "1.2 µs ± 4 ns per loop (mean ± std. dev. of 7 runs, 1,000,000 loops each)",
        "950 ns ± 1 ns per loop (mean ± std. dev. of 7 runs, 10,000,000 loops each)",
    ),
    (
        "The slowest run took 7.1 times longer than the fastest. This could mean a cache.",
        "The slowest run took 12.3 times longer than the fastest. This could mean a cache.",
    ),
    (
        "100%|██████████| 10/10 [00:00<00:00, 812.13it/s]",
        "100%|██████████| 10/10 [00:01<00:00, 9.71it/s]",
    ),
    ("32/32 - 1s 12ms/step - loss: 0.5", "32/32 - 0s 977us/step - loss: 0.5"),
    ("saved in /tmp/tmpab12cd34/model", "saved in /tmp/tmpzz_2cd34/model"),
    ("worker pid=4411 ready", "worker pid=77 ready"),
    ("id 7f9c24e5-1a2b-4c3d-8e9f-0123456789ab", "id 11111111-2222-4333-9444-555555555555"),
    (
        "at https://hub/mlflow/#/experiments/4/runs/0123456789abcdef0123456789abcdef",
        "at https://hub/mlflow/#/experiments/4/runs/fedcba9876543210fedcba9876543210",
    ),
    (
        "IPY_MODEL_0123456789abcdef0123456789abcdef",
        "IPY_MODEL_fedcba9876543210fedcba9876543210",
    ),
    ('<div id="sk-container-id-1">', '<div id="sk-container-id-4">'),
    ('<table id="T_1a2b3"><td id="T_1a2b3_row0">', '<table id="T_99fff"><td id="T_99fff_row0">'),
    (
        '<div id="altair-viz-0123456789abcdef0123456789abcdef">',
        '<div id="altair-viz-fedcba9876543210fedcba9876543210">',
    ),
    (
        '<div id="df-0123456789abcdef0123456789abcdef">',
        '<div id="0123456789abcdef0123456789abcdef">',
    ),
    ("<dc:date>2026-11-21T09:00:00</dc:date>", "<dc:date>2026-11-21T10:00:00</dc:date>"),
]


@pytest.mark.parametrize(("one", "other"), NOISE)
def test_what_is_on_the_list_is_left_out(one: str, other: str) -> None:
    assert one != other
    assert scrub(one) == scrub(other)


def test_every_entry_has_a_reason_and_is_needed() -> None:
    assert all(entry.reason for entry in SCRUBS)
    for entry in SCRUBS:
        assert any(entry.pattern.search(one) for one, _ in NOISE), entry.pattern.pattern


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("took 3.2 s", "took 3.3 s"),
        ("mask 0x1f", "mask 0x2f"),
        ("0x7f1c2a3b4c5d", "0x7f1c2a3b4c5e"),
        ("[1, 2]", "[1, 3]"),
        ("sha 0123456789abcdef0123456789abcdef", "sha fedcba9876543210fedcba9876543210"),
        ("886313e1-3b8a-5372-9b90-0c9aee199e5d", "996313e1-3b8a-5372-9b90-0c9aee199e5d"),
        ("2026-11-21 09:05:00", "2026-11-21 09:05:01"),
        ("Cell In[3], line 2", "Cell In[3], line 3"),
        ("100%|██████████| 10/10 [00:00<00:00]", "100%|██████████| 11/11 [00:00<00:00]"),
    ],
)
def test_what_is_not_on_the_list_stays(one: str, other: str) -> None:
    assert scrub(one) != scrub(other)


def test_the_clock_is_left_out_only_within_the_run() -> None:
    assert scrub("2026-11-21 09:05:00,123 INFO", RUN) == scrub("2026-11-21T09:06:00.4 INFO", RUN)
    assert "2026-11-20 09:05:00" in scrub("2026-11-20 09:05:00", RUN)
    assert scrub("2026-11-21 09:05:00+00:00", RUN) == "<now>"
    assert scrub("2026-11-21 09:05:00+05:00", RUN) != "<now>"
    assert scrub("2026-13-41 09:05:00", RUN) == "2026-13-41 09:05:00"


def test_colours_are_left_out() -> None:
    assert scrub("\x1b[0;31mred\x1b[0m") == "red"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("10%\r50%\r100%\ndone", "100%\ndone"),
        ("longer\rab", "abnger"),
        ("ab\bc", "ac"),
        ("one\r\ntwo", "one\ntwo"),
        ("two  \n", "two  \n"),
    ],
)
def test_printed_text_is_read_as_a_terminal_shows_it(printed: str, shown: str) -> None:
    assert fold(printed) == shown


def test_the_ids_of_a_drawing_are_counted_and_their_use_is_kept() -> None:
    drawing = '<svg><path id="m{0}"/><path id="{1}"/><use href="#m{0}"/><a clip="url(#{1})"/></svg>'
    assert scrub_svg(drawing.format("aa", "p1")) == scrub_svg(drawing.format("bb", "q7"))
    swapped = drawing.format("aa", "p1").replace("#maa", "#p1")
    assert scrub_svg(swapped) != scrub_svg(drawing.format("aa", "p1"))

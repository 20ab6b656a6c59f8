from __future__ import annotations

from galley.run.lines import MAX_LINE, Lines


def test_pieces_become_whole_lines() -> None:
    lines = Lines()
    assert lines.feed("one\ntw") == "one\n"
    assert lines.feed("o\n\nthr") == "two\n\n"
    assert lines.rest() == "thr\n"
    assert lines.rest() == ""


def test_a_progress_bar_leaves_its_last_state() -> None:
    lines = Lines()
    assert lines.feed("10%\r50%") == ""
    assert lines.feed("\r100%\n") == "100%\n"


def test_windows_line_ends_are_line_ends() -> None:
    assert Lines().feed("a\r\nb\r\n") == "a\nb\n"


def test_a_line_without_end_is_given_out_in_parts() -> None:
    lines = Lines()
    assert lines.feed("x" * (MAX_LINE + 3)) == "x" * MAX_LINE + "\n"
    assert lines.rest() == "xxx\n"


def test_a_long_line_with_an_end_is_given_out_in_parts_too() -> None:
    text = "x" * (2 * MAX_LINE + 3)
    assert Lines().feed(f"{text}\nend") == f"{text[:MAX_LINE]}\n{text[:MAX_LINE]}\nxxx\n"

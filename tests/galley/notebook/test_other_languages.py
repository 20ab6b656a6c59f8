from __future__ import annotations

from typing import Any

import pytest
from galley.domain.versions import Analysis, Severity
from galley.notebook.conversions import conversion_source
from galley.notebook.other_languages import WRITTEN, kernel_of
from papermill.translators import papermill_translators

from .builders import analysed, code, found, notebook

R = {"kernelspec": {"name": "ir", "language": "R", "display_name": "R"}}
JULIA = {"kernelspec": {"name": "julia-1.12", "language": "julia"}}


STRINGS = {"type": "array", "items": {"type": "string"}}


def read(source: str, metadata: dict[str, Any]) -> Analysis:
    return analysed(notebook(code(source, "parameters"), "1", **metadata))


@pytest.mark.parametrize(
    ("line", "metadata", "schema"),
    [
        ("n <- 200L  # trees", R, {"type": "integer", "default": 200, "description": "trees"}),
        ("n = 0.5", R, {"type": "number", "default": 0.5}),
        ("n <- 5", R, {"type": "number", "default": 5.0}),
        ("n <- -1e-3;", R, {"type": "number", "default": -0.001}),
        ("n <- 'it''s'", R, None),
        (
            r"n <- 'a#b\n\'c'  # why",
            R,
            {"type": "string", "default": "a#b\n'c", "description": "why"},
        ),
        ('n <- "x"', R, {"type": "string", "default": "x"}),
        ("n <- TRUE", R, {"type": "boolean", "default": True}),
        ("n <- NULL", R, {"default": None}),
        ("n <- c(1, 2)", R, None),
        ("n <- Sys.time()", R, None),
        ("n <- 1e999", R, None),
        (r'n <- "\x41"', R, None),
        ("n == 3", R, None),
        ("max.depth <- 3", R, None),
        ("_n <- 3", R, None),
        ("n = 1_000", JULIA, {"type": "integer", "default": 1000}),
        ("n::Int = 3", JULIA, {"type": "integer", "default": 3}),
        ("const n = 3", JULIA, None),
        ("n = 3.5  # why", JULIA, {"type": "number", "default": 3.5, "description": "why"}),
        ('n = "x"', JULIA, {"type": "string", "default": "x"}),
        (r'n = "\$5"', JULIA, {"type": "string", "default": "$5"}),
        ('n = "$(x)"', JULIA, None),
        ("n = 'c'", JULIA, None),
        ("n = nothing", JULIA, {"default": None}),
        ("n = false", JULIA, {"type": "boolean", "default": False}),
        (
            'n = ["a, b", "c"]',
            JULIA,
            {"type": "array", "items": {"type": "string"}, "default": ["a, b", "c"]},
        ),
        ("n = [1, 2]", JULIA, {"type": "array", "items": {"type": "integer"}, "default": [1, 2]}),
        ("n = [x, 2]", JULIA, None),
        ('n = ["a"; "b"]', JULIA, None),
        ('n = ["a" "b"]', JULIA, None),
        ('n = ["a"*"x", "b"]', JULIA, None),
        ('n = ["a", "b",]', JULIA, {**STRINGS, "default": ["a", "b"]}),
        ("n <- 3000000000L", R, {"type": "number", "default": 3e9}),
        ("n <- list(\n  m = 200L,\n  k = '2026'\n)", R, None),
        ("n <- function(x) {\n  y <- 3\n}", R, None),
        ("n <-\n  m <- 3", R, None),
        ("n <- 'a\nm <- 3\nb'", R, {"type": "string", "default": "a\nm <- 3\nb"}),
        ('n = """\nm = 3\n"""', JULIA, None),
        ("n += 1 #=\nm = 3\n=#", JULIA, None),
        ("n <- " + "9" * 2000, R, None),
        ("n <- " + "9" * 400 + "L", R, None),
        ("n <- c(" + "1, " * 100_000 + "2)", R, None),
        ("n <- " + " " * 5000 + '"', R, None),
        ("n = [" + " " * 5000 + '"]', JULIA, None),
    ],
)
def test_a_plain_assignment_of_a_literal_is_a_parameter(
    line: str, metadata: dict[str, Any], schema: dict[str, Any] | None
) -> None:
    analysis = read(f"# Settings\n\n{line}", metadata)
    if schema is None:
        assert analysis.parameters.properties == {}
        (check,) = [one for one in analysis.checks if one.line == 3]
        assert "parameter" in check.message
        return
    given = dict(analysis.parameters.properties["n"])
    if metadata is JULIA and schema.get("type") == "number":
        assert given.pop("x-julia") == "Float64(n)"
    if metadata is R and schema.get("type") == "integer":
        assert (given.pop("minimum"), given.pop("maximum")) == (-(2**31 - 1), 2**31 - 1)
        assert given.pop("x-r") == "as.integer(n)"
    assert given == schema
    assert analysis.parameters.cell == 0


@pytest.mark.parametrize("second", ["n <- n + 1L", "n[2] <- 1L", "n <- 7L", "7L -> n"])
def test_what_is_set_twice_is_no_parameter(second: str) -> None:
    analysis = read(f"n <- 5L  # first\nm <- TRUE; k <- 'x' # last\n{second}", R)
    assert set(analysis.parameters.properties) == {"m", "k"}
    assert analysis.parameters.properties["k"]["description"] == "last"
    (check,) = found(analysis, "not-a-parameter")
    assert "`n` is set twice" in check.message


def test_a_language_that_papermill_does_not_write_is_refused() -> None:
    made = notebook("x = 1;", kernelspec={"name": "octave", "language": "octave"})
    (check,) = found(analysed(made), "not-python")
    assert check.severity is Severity.ERROR
    assert "octave, in which papermill cannot write" in check.message
    known = set(papermill_translators._translators)
    assert known - {"python"} == WRITTEN


def test_a_whole_number_of_r_stays_one() -> None:
    schema = read("n <- 5L\nx <- 5", R).parameters
    assert conversion_source(schema, {"n", "x"}).splitlines()[1:] == ["n = as.integer(n)"]


def test_a_name_that_ploomber_sets_is_an_error() -> None:
    (check,) = found(read("product <- 3", R), "reserved-parameter")
    assert check.severity is Severity.ERROR


def test_a_language_whose_assignments_are_not_known_has_no_parameters() -> None:
    analysis = read("n=3", {"kernelspec": {"name": "bash", "language": "bash"}})
    (check,) = found(analysis, "not-a-parameter")
    assert "Python, R and Julia, not in bash" in check.message
    assert analysis.parameters.properties == {}


def test_what_text_tells_is_told_in_any_language() -> None:
    made = notebook(
        "token <- 'ghp_" + "a1B2" * 9 + "'",
        "install.packages('dplyr')  # once",
        "# install.packages('dplyr')",
        "d <- read.csv('/home/ada/x.csv')",
        "e <- read.csv('https://example.org/x.csv')",
        "for (i in 1:3) {",
        **R,
    )
    told = {(one.code, one.cell, one.severity) for one in analysed(made).checks}
    assert told == {
        ("not-python", None, Severity.WARNING),
        ("secret", 0, Severity.ERROR),
        ("installs-packages", 1, Severity.WARNING),
        ("absolute-path", 3, Severity.WARNING),
        ("network-host", 4, Severity.INFO),
    }


@pytest.mark.parametrize(
    ("metadata", "kernel"),
    [
        ({}, None),
        ({"kernelspec": {"name": "mine", "language": "python"}}, None),
        (R, ("ir", "R")),
        ({"language_info": {"name": "r"}}, ("r", "R")),
        ({"language_info": {"name": "Julia"}, "kernelspec": 3}, ("julia", "julia")),
    ],
)
def test_the_kernel_is_told_with_its_language_as_papermill_spells_it(
    metadata: dict[str, Any], kernel: tuple[str, str] | None
) -> None:
    found_ = kernel_of(notebook(**metadata))
    assert (found_ and (found_["name"], found_["language"])) == kernel

from __future__ import annotations

import json
from typing import Any

from galley.domain.versions import digest_of
from galley.project.manifest import manifest

from .builders import analysed, cell, notebook

MODULES = {"helpers.py": "x = 1\n", "unused.py": "y = 1\n"}
MADE = notebook(
    cell("# T", kind="markdown"), cell("n = 3", "parameters"), cell("import helpers, numpy\nn")
)


def digest(made: dict[str, Any], modules: dict[str, str] | None = None, **more: Any) -> str:
    sent = MODULES if modules is None else modules
    facts: dict[str, Any] = {
        "defaults": {"n": 3},
        "profile": "cpu-small",
        "datasets": {"sales": "ro"},
        "timeout_s": 60,
        "retries": 1,
        "python": "3.11",
        **more,
    }
    return digest_of(manifest(made, sent, analysed(made, sent), **facts))


def changed(**fields: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(json.dumps(MADE))
    made["cells"][2] |= fields
    return made


def test_what_the_file_carries_along_is_no_part_of_it() -> None:
    other = changed(outputs=[], execution_count=None, id="other", metadata={"scrolled": True})
    other["metadata"] = {"widgets": {"state": {"a": 1}}}
    other["cells"][2]["source"] = ["import helpers, numpy\n", "n\n"]
    assert digest(other) == digest(MADE)


def test_modules_that_are_not_imported_are_no_part_of_it() -> None:
    assert digest(MADE, {"helpers.py": "x = 1\n"}) == digest(MADE)


def test_a_notebook_that_is_run_counts_by_its_cells() -> None:
    made = notebook(cell("%run setup.ipynb"))

    def sent(source: str, **more: Any) -> dict[str, str]:
        return {"setup.ipynb": json.dumps(notebook({**cell(source), **more}))}

    first = digest(made, sent("x = 1"), defaults={})
    assert digest(made, sent("x = 1", execution_count=3, id="b"), defaults={}) == first
    assert digest(made, sent("x = 2"), defaults={}) != first


def test_each_thing_that_decides_a_run_changes_it() -> None:
    others = [
        digest(changed(source="import helpers, numpy\nm = n")),
        digest(changed(metadata={"tags": ["raises-exception"]})),
        digest(MADE, {**MODULES, "helpers.py": "x = 2\n"}),
        digest(MADE, defaults={"n": 4}),
        digest(MADE, profile="cpu-large"),
        digest(MADE, datasets={"sales": "rw"}),
        digest(MADE, timeout_s=61),
        digest(MADE, retries=2),
        digest(MADE, python="3.12"),
    ]
    assert len({digest(MADE), *others}) == len(others) + 1


def test_it_names_its_format_and_is_plain_json() -> None:
    made = manifest(
        MADE,
        MODULES,
        analysed(MADE, MODULES),
        defaults={},
        profile="p",
        datasets={},
        timeout_s=1,
        retries=0,
    )
    assert made["format"] == 1
    assert made["requirements"] == ["numpy==2.4.0"]
    assert json.loads(json.dumps(made)) == made

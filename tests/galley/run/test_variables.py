"""Which variables a notebook may set, and whose values need another zygote."""

from __future__ import annotations

import nbformat
import pytest
from galley.run.variables import assigned, differ


@pytest.mark.parametrize(
    "source",
    [
        "os.environ['A_B'] = '1'",
        'environ["A_B"]="1"',
        "for name in ['A_B']:\n    os.environ[name] = '1'",
        "os.environ.setdefault('A_B', '1')",
        "os.environ.update(A_B='1')",
        "os.environ |= {'A_B': '1'}",
        "del os.environ['A_B']",
        "os.putenv('A_B', '1')",
        "%env A_B=1",
        "%env A_B 1",
        "%set_env A_B=1",
    ],
)
def test_variables_that_a_cell_may_set_are_found(source: str) -> None:
    assert "A_B" in assigned([nbformat.v4.new_code_cell(source)])
    assert assigned([nbformat.v4.new_markdown_cell(source)]) == frozenset()


@pytest.mark.parametrize(
    "source",
    [
        "os.environ['A_B']",
        "os.environ['A_B'] == '1'",
        "os.environ.get('A_B')",
        "%env A_B",
        "%env",
        "os.getenv('A_B')",
    ],
)
def test_one_that_is_looked_at_is_not_set(source: str) -> None:
    assert assigned([nbformat.v4.new_code_cell(source)]) == frozenset()


def test_a_zygote_without_what_was_read_is_another_one() -> None:
    env = {"HOME": "/h", "SETTING": "a", "PYTHONPATH": "/p", "OMP_NUM_THREADS": "4"}
    assert not differ(env, {"HOME": "/h"}, {"HOME", "PYTHONPATH", "OMP_NUM_THREADS", "NO"}, ())
    assert differ(env, {"HOME": "/h"}, {"SETTING"}, ())
    assert differ({**env, "TQDM_DISABLE": "1"}, {"HOME": "/h"}, (), ())
    assert differ(env, env, (), ["TQDM_DISABLE"])

"""Generators that libraries keep: which of them draw other numbers in each fork."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PYTHONS = """\
import random
free = random.Random()
drawn_from = random.Random()
drawn_from.gauss(0, 1)
freed = random.Random(3)
freed.seed()
class Own(random.Random):
    __hash__ = None
own = Own()
of_the_system = random.SystemRandom()
given = random.Random(3)
given_later = random.Random()
given_later.seed(3)
given_from_another = random.Random()
given_from_another.setstate(given.getstate())
draws = {name: one.random for name, one in globals().items() if isinstance(one, random.Random)}
"""
NUMPYS = """\
import numpy
from numpy.random import Generator, MT19937, PCG64, Philox, RandomState, SeedSequence, SFC64
from numpy.random import default_rng
free = default_rng()
twister, philox, sfc = (Generator(kind()) for kind in (MT19937, Philox, SFC64))
child = free.spawn(2)[1]
state = RandomState()
state.standard_normal()
sequence = SeedSequence()
given = default_rng(3)
given_long = default_rng(0x8c8e2b57a2d84cbe9dd36bdc9ba6a7b1)
given_array = default_rng(numpy.array([3, 4]))
given_state = RandomState(3)
given_later = RandomState()
given_later.seed(3)
given_sequence = SeedSequence(3)
draws = {
    **{name: one.random for name, one in globals().items() if type(one) is Generator},
    **{name: one.standard_normal for name, one in globals().items() if type(one) is RandomState},
    "sequence": lambda: default_rng(sequence.spawn(1)[0]).random(),
    "given_sequence": lambda: default_rng(given_sequence.spawn(1)[0]).random(),
}
"""
FORKS = """\
import gc, json, os, random, secrets, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    __import__(name)
before = random.Random.seed, random.Random.setstate, secrets.randbits
from galley.inside import reseeding
with reseeding.noting():
    import keeps
gc.freeze()
with reseeding.noting():
    import seeds
assert before == (random.Random.seed, random.Random.setstate, secrets.randbits)
if numpy := sys.modules.get("numpy.random.bit_generator"):
    assert numpy.randbits == secrets.randbits
for _ in range(2):
    reading, writing = os.pipe()
    if os.fork() == 0:
        reseeding.reseed()
        drawn = {name: draw() for name, draw in keeps.draws.items()}
        os.write(writing, json.dumps(drawn).encode())
        os._exit(0)
    os.wait()
    print(os.read(reading, 1 << 16).decode())
"""


@pytest.mark.parametrize(
    ("source", "loaded"),
    [(PYTHONS, ()), (NUMPYS, ()), (NUMPYS, ("numpy.random",))],
    ids=["Python's", "NumPy's", "NumPy's, which was loaded before"],
)
def test_what_was_given_no_seed_draws_other_numbers_in_each_fork(
    source: str, loaded: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "keeps.py").write_text(source)
    (tmp_path / "seeds.py").write_text("")
    first, second = _forks(tmp_path, *loaded)
    same = {name for name in first if first[name] == second[name]}
    assert same == {name for name in first if name.startswith("given")}


def test_what_another_library_seeds_later_stays_as_that_has_it(tmp_path: Path) -> None:
    (tmp_path / "keeps.py").write_text(
        "import numpy, random\n"
        "ones = random.Random(), numpy.random.RandomState()\n"
        "draws = {str(one): one.random for one in ones}"
    )
    (tmp_path / "seeds.py").write_text("import keeps\nfor one in keeps.ones:\n    one.seed(3)")
    first, second = _forks(tmp_path)
    assert first == second


def test_numpy_is_not_loaded_for_it(tmp_path: Path) -> None:
    (tmp_path / "keeps.py").write_text(
        "draws = {'loaded': lambda: 'numpy' in __import__('sys').modules}"
    )
    (tmp_path / "seeds.py").write_text("")
    assert _forks(tmp_path) == [{"loaded": False}] * 2


def _forks(folder: Path, *loaded: str) -> list[dict[str, float]]:
    """Return what two forks draw of a process that has imported ``keeps`` and then ``seeds``."""
    done = subprocess.run(
        [sys.executable, "-c", FORKS, folder, *loaded], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]

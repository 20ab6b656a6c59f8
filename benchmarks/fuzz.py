"""Made-up requests to each route of the REST API: does any make the service fail?

``python benchmarks/fuzz.py [--examples N] [--seed N] [--rounds N]`` sends to each route about N
requests that its OpenAPI document allows and N that it forbids, to a service with a store of its
own. It prints each request that ended as a fault of the service's, and fails where there was one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.galley.service import fuzzing
from tests.galley.service.platform import running_platform


def main() -> None:
    options = _options()
    found = 0
    for seed in range(options.seed, options.seed + options.rounds):
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as home, running_platform(Path(home) / "home") as one:
            faults = fuzzing.faults(one, examples=options.examples, seed=seed)
        for fault in faults:
            print(fault)
        print(f"seed {seed}: {len(faults)} faults, {time.monotonic() - started:,.0f} s")
        found += len(faults)
    sys.exit(1 if found else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--examples", type=int, default=50, help="of each kind to each route")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="with the seeds that follow")
    return parser.parse_args()


if __name__ == "__main__":
    main()

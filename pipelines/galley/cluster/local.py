"""A warm cluster on this machine, in a process of its own.

Not in the worker host's: whoever reaches a Dask scheduler can have it execute code, and the host
holds tokens.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from galley.cluster.address import ClusterAddress
from galley.cluster.certificates import make_certificates
from galley.cluster.options import LOST_S, ClusterOptions
from galley.cluster.provider import ClusterUnavailable
from galley.forks import TO_FORK

START_S = 180.0
STOP_S = 8.0


class LocalProvider:
    """Starts ``python -m galley.cluster`` when it is needed and ends it when it is not.

    Args:
        folder: private; for the TLS files and the workers' scratch.
        name: the tenant's, for the certificates.
        workers: worker processes; as many notebooks run at the same time.
        memory: bytes that the workers together may hold before Dask spills and pauses.
        idle_s: seconds without an attempt after which the cluster is ended.
        cpu: cores that notebooks together may have; None: one for each worker.
        gpus: numbers of the GPUs that notebooks may get.
        machine_gpus: folder of the locks by which the machine shares them; None: it does not.
        preload: modules that each worker imports when it starts.
        lost_s: seconds after which a worker that has not come back is replaced.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        workers: int,
        memory: int,
        idle_s: float,
        cpu: float | None = None,
        gpus: Sequence[int] = (),
        machine_gpus: Path | None = None,
        preload: Sequence[str] = (),
        lost_s: float = LOST_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._name = name
        self._workers = workers
        self._memory = memory
        self._idle_s = idle_s
        self._cpu = cpu
        self._gpus = tuple(gpus)
        self._machine_gpus = machine_gpus
        self._preload = tuple(preload)
        self._lost_s = lost_s
        self._clock = clock
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._address: ClusterAddress | None = None
        self._users = 0
        self._idle_since = clock()

    @property
    def pid(self) -> int | None:
        """The cluster's process; None while there is none."""
        return self._process.pid if self._alive() and self._process else None

    def acquire(self, starting: Callable[[], None] = lambda: None) -> ClusterAddress:
        """Return a living cluster."""
        with self._lock:
            if self._address is None or not self._alive():
                starting()
                self._stop()
                self._address = self._start()
            self._users += 1
            return self._address

    def release(self) -> None:
        """Say that one attempt has ended."""
        with self._lock:
            self._users -= 1
            self._idle_since = self._clock()

    def tend(self) -> None:
        """End the cluster when nobody has used it for ``idle_s``."""
        with self._lock:
            if self._users == 0 and self._clock() - self._idle_since >= self._idle_s:
                self._stop()

    def close(self) -> None:
        """End the cluster."""
        with self._lock:
            self._stop()

    def _alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _start(self) -> ClusterAddress:
        files = make_certificates(self._folder / "tls", name=self._name, now=datetime.now(UTC))
        options = ClusterOptions(
            workers=self._workers,
            memory=self._memory,
            cpu=self._cpu,
            gpus=self._gpus,
            machine_gpus=self._machine_gpus,
            certificates=files,
            scratch=self._folder / "dask",
            preload=self._preload,
            lost_s=self._lost_s,
        )
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "galley.cluster"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment(),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(options.model_dump_json().encode() + b"\n")
        self._process.stdin.flush()
        address = self._read_address()
        return ClusterAddress(address=address, ca=files.ca, cert=files.cert, key=files.key)

    def _read_address(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_S)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            self._stop()
            raise ClusterUnavailable(
                f"the Dask cluster of {self._name!r} did not start within {START_S:g} s; the "
                "worker host's log says why"
            )
        return str(json.loads(line)["address"])

    def _stop(self) -> None:
        process, self._process, self._address = self._process, None, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()  # The cluster ends when its standard input does.
        try:
            process.wait(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    @staticmethod
    def _environment() -> dict[str, str]:
        passed = ("HOME", "PATH", "LANG", "TMPDIR", "USER", "LOGNAME", "TZ")
        return {**{name: os.environ[name] for name in passed if name in os.environ}, **TO_FORK}

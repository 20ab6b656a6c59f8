"""The `galley` command against a service on a real port."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from galley.cli import main

from tests.galley.service.platform import Platform, eventually, notebook


@dataclass
class CommandLine:
    """Runs `galley` as one of the members."""

    platform: Platform
    url: str
    folder: Path

    def __call__(self, *words: str, user: str = "ada", tenant: str | None = "oncology") -> Result:
        token = self.platform.as_user(user)["Authorization"].removeprefix("Bearer ")
        return self.run(*words, GALLEY_TOKEN=token, GALLEY_TENANT=tenant)

    def run(self, *words: str, **environment: str | None) -> Result:
        """Run `galley` with nothing in its environment but what is given."""
        clean = {"GALLEY_TOKEN": None, "JUPYTERHUB_API_TOKEN": None, "GALLEY_TENANT": None}
        fixed = {"HOME": str(self.folder), "XDG_CONFIG_HOME": None, "GALLEY_URL": self.url}
        # A terminal narrower than a table wraps it.
        env = {**clean, **fixed, "COLUMNS": "200", **environment}
        return CliRunner().invoke(main, words, env=env)

    def read(self, *words: str, user: str = "ada", tenant: str | None = "oncology") -> Any:
        """Run `galley … --json` and return what it printed."""
        result = self(*words, "--json", user=user, tenant=tenant)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def notebook(self, code: str = "x = alpha + 1", name: str = "daily.ipynb") -> str:
        """Save a notebook and return its path."""
        path = self.folder / name
        path.write_text(json.dumps(notebook(code)))
        return str(path)

    @contextmanager
    def host(self, kind: str, *who: str, **outcome: Any) -> Iterator[None]:
        """Play the host for the next run of a kind, while the block runs."""

        def play() -> None:
            query = {"kind": kind, "state": "queued"}
            eventually(lambda: self.platform.get("/tenants/oncology/runs", **query).json()["items"])
            self.platform.run_through("oncology", *who, **outcome)

        player = threading.Thread(target=play)
        player.start()
        try:
            yield
        finally:
            player.join()

    def in_review(self, code: str = "x = alpha + 1") -> None:
        """Publish `daily-report` and rehearse it."""
        done = self("publish", self.notebook(code), "--no-wait")
        assert done.exit_code == 0, done.output
        self.platform.run_through("oncology", "ada")

    def approved(self, code: str = "x = alpha + 1") -> None:
        """Publish, rehearse and approve `daily-report`."""
        self.in_review(code)
        for user in ("lea", "max"):
            done = self("approve", "daily-report", user=user)
            assert done.exit_code == 0, done.output

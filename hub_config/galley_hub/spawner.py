"""Single-user servers in sandboxes: one per user and tenant, which outlive the hub."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from galley.errors import PublicError
from galley.sandbox import command, processes
from galley.sandbox.machine import this_machine
from galley.sandbox.processes import ProcessId
from galley.sandbox.spec import Bind, SandboxSpec
from galley.sandbox.workspace import (
    ENVIRONMENTS,
    environments_of,
    platform_door,
    tenant_spec,
    user_identity,
)
from jupyterhub.spawner import Spawner, SpawnException
from traitlets import Any as AnyTrait

from galley_hub import files, profile_form
from galley_hub.admission import admit, tenant_of
from galley_hub.log_tail import last_lines
from galley_hub.server_environment import environment

PORT_INSIDE = 8888
STOP_S = 15.0
ANSWER_S = 0.1


class SandboxSpawner(Spawner):  # type: ignore[misc]  # JupyterHub is untyped
    """Starts the runner of a sandbox with JupyterLab inside, and finds it again by its pid."""

    settings: Any = AnyTrait(help="The Settings of this deployment.").tag(config=True)
    tenants: Any = AnyTrait(help="The Tenants.").tag(config=True)

    process: ProcessId | None = None
    _child: subprocess.Popen[bytes] | None = None

    # What the hub stores, so that a restarted hub finds the server.

    def get_state(self) -> dict[str, Any]:
        """Return what names the running server."""
        state: dict[str, Any] = super().get_state()
        if self.process is not None:
            state["process"] = self.process.model_dump()
        return state

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the server again after a restart of the hub."""
        super().load_state(state)
        if "process" in state:
            self.process = ProcessId.model_validate(state["process"])

    def clear_state(self) -> None:
        """Forget the server."""
        super().clear_state()
        self.process = None
        self._child = None

    # Starting

    def profile_form(self) -> str:
        """Return the form that is shown before a start.

        Raises:
            SpawnException: the user may not have this server.
        """
        try:
            tenant = tenant_of(self.settings, self.tenants, self.user.name, self.name)
        except PublicError as error:
            raise _refusal(error) from error
        last = (self.orm_spawner.user_options or {}).get("profile")
        return profile_form.render(tenant, this_machine(), last)

    async def start(self) -> str:
        """Start the server and return its address on the machine.

        Raises:
            SpawnException: a plain refusal, or the last words of a server that ended at once.
        """
        port = _free_port()
        self.ip, self.port = "127.0.0.1", self._port_inside(port)
        try:
            spec = self.spec(port)
        except PublicError as error:
            raise _refusal(error) from error
        await self._end_leftover()
        self._launch(spec)
        await self._until_it_answers(port)
        return f"http://127.0.0.1:{port}"

    def spec(self, port: int) -> SandboxSpec:
        """Return the sandbox of this server; ``port`` is its door on the machine.

        Raises:
            galley.errors.PublicError: the server is refused.
        """
        user, name = self.user.name, self.name
        admission = admit(
            self.settings,
            self.tenants,
            this_machine(),
            user=user,
            server_name=name,
            profile_name=profile_form.chosen_profile(self.user_options),
        )
        identity = user_identity(self.settings, user, name)
        locked = environments_of(self.settings, identity)
        isolated = self.settings.isolation == "full"
        return tenant_spec(
            self.settings,
            name,
            admission.tenant,
            identity=identity,
            profile=admission.profile,
            name=f"{name}-{user}"[:63],
            argv=[sys.executable, "-P", "-m", "galley_hub.singleuser", *self._arguments()],
            env={
                **environment(self.get_env(), self.settings, name, admission.profile_name),
                "GALLEY_ENVIRONMENTS": str(ENVIRONMENTS if isolated else locked),
            },
            inbound={port: self._port_inside(port)},
            outbound=platform_door(self.settings),
            # To debug in what a rehearsal ran in; what is run later cannot be changed here.
            extra_binds=[*self._examples(), Bind(source=locked, target=ENVIRONMENTS)],
        )

    def _port_inside(self, port: int) -> int:
        """Without a network of its own, a server listens on its door itself."""
        return PORT_INSIDE if self.settings.isolation == "full" else port

    def _arguments(self) -> list[str]:
        root = os.geteuid() == 0 and self.settings.isolation == "none"
        return [*self.get_args(), *(["--allow-root"] if root else [])]

    def _examples(self) -> list[Bind]:
        folder = files.examples()
        return [] if folder is None else [Bind(source=folder, target=folder)]

    @property
    def _key(self) -> str:
        return f"{self.name}--{self.user.name}"

    @property
    def _pid_file(self) -> Path:
        return Path(self.settings.run / "servers" / f"{self._key}.pid")

    @property
    def _log_file(self) -> Path:
        return Path(self.settings.logs / f"server-{self._key}.log")

    def _launch(self, spec: SandboxSpec) -> None:
        argv = command(spec, self.settings.run / "servers" / f"{self._key}.json")
        self._log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._log_file.open("wb") as log:
            self._child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.process = processes.identify(self._child.pid)
        processes.save(self._pid_file, self.process)

    async def _end_leftover(self) -> None:
        """End a server that a hub started and died before it could write that down."""
        leftover = processes.saved(self._pid_file.parent).get(self._key)
        if leftover is not None:
            await asyncio.to_thread(processes.stop_all, [leftover], patience=STOP_S)

    async def _until_it_answers(self, port: int) -> None:
        """Return when the server answers; the hub's own time limit bounds the wait."""
        while not await _answers(port, self.server.base_url):
            if (status := await self.poll()) is not None:
                said = last_lines(self._log_file, 3)
                raise SpawnException(
                    f"The server ended at once (status {status}). Its last words: {said}",
                    reason="server-ended",
                    status_code=500,
                )
            await asyncio.sleep(ANSWER_S)

    # Running and ending

    async def poll(self) -> int | None:
        """Return None while the server runs, else its exit status (0 where it is not known).

        A server whose user has left the tenant is ended here.
        """
        if self.process is None:
            return 0
        if self._child is not None and (status := self._child.poll()) is not None:
            return status
        if not self.process.alive():
            return 0
        if self.name not in self.tenants.of(self.user.name):
            self.log.warning("Ending the server of %s: no longer a member", self._key)
            await self.stop()
            return 0
        return None

    async def stop(self, now: bool = False) -> None:
        """End the server and everything in its sandbox."""
        if self.process is None:
            return
        if now:
            self.process.signal(signal.SIGKILL)
        await asyncio.to_thread(processes.stop_all, [self.process], patience=STOP_S)
        if self._child is not None:
            await asyncio.to_thread(self._child.wait)
        self._pid_file.unlink(missing_ok=True)


def _refusal(error: PublicError) -> SpawnException:
    return SpawnException(
        error.detail, reason=error.code, status_code=403 if error.status == 403 else 400
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _answers(port: int, base_url: str) -> bool:
    """Return whether an HTTP server answers behind the door."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"GET {base_url}api HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
        return (await reader.read(7)).startswith(b"HTTP/1.")
    except OSError:
        return False
    finally:
        writer.close()

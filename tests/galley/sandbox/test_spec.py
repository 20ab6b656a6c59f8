from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from galley.sandbox.bubblewrap import options
from galley.sandbox.spec import Bind, SandboxSpec
from pydantic import ValidationError

GOOD: dict[str, Any] = {
    "name": "oncology-alice",
    "argv": ["true"],
    "cwd": "/",
    "home": "/home/alice",
    "uid": 200_000,
    "gid": 200_001,
}


def test_a_good_spec_is_taken() -> None:
    spec = SandboxSpec.model_validate(
        {**GOOD, "inbound": {5000: 8888}, "outbound": {8000: "127.0.0.1:8000", 1: "unix:/a/b"}}
    )
    assert spec.isolated
    assert spec.outbound == {8000: "127.0.0.1:8000", 1: "unix:/a/b"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "../up"),
        ("name", ""),
        ("argv", []),
        ("user", "Root; rm"),
        ("uid", -1),
        ("memory", 0),
        ("cpu", 0),
        ("unknown", 1),
        ("binds", [{"source": "/a", "target": "/b", "mode": "exec"}]),
        ("outbound", {8000: "0.0.0.0:80"}),
        ("outbound", {8000: "example.org:80"}),
        ("outbound", {8000: "127.0.0.1:0"}),
        ("outbound", {8000: "unix:relative"}),
    ],
)
def test_what_is_not_allowed_is_refused_by_its_key(key: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        SandboxSpec.model_validate({**GOOD, key: value})
    assert caught.value.errors()[0]["loc"][0] == key


def test_a_door_that_leads_nowhere_is_named() -> None:
    with pytest.raises(ValidationError, match=r"door 8000 leads to 'tcp:1': use 'unix:/path'"):
        SandboxSpec.model_validate({**GOOD, "outbound": {8000: "tcp:1"}})


def test_every_namespace_is_a_new_one_and_ends_with_its_parent() -> None:
    said = options(SandboxSpec.model_validate(GOOD), Path("/etc-files"), as_root=True)
    for option in ("pid", "net", "ipc", "uts"):
        assert f"--unshare-{option}" in said
    assert "--die-with-parent" in said
    assert "--new-session" in said
    assert "--unshare-user" not in said
    assert "--unshare-user" in options(
        SandboxSpec.model_validate(GOOD), Path("/etc-files"), as_root=False
    )


def test_a_bind_inside_another_one_comes_after_it() -> None:
    binds = (
        Bind(source=Path("/b"), target=Path("/home/alice/data")),
        Bind(source=Path("/a"), target=Path("/home/alice"), mode="rw"),
    )
    spec = SandboxSpec.model_validate({**GOOD, "binds": binds})
    said = options(spec, Path("/etc-files"), as_root=True)
    assert said.index("/home/alice/data") > said.index("/a")
    assert said[said.index("/a") - 1] == "--bind"
    assert said[said.index("/b") - 1] == "--ro-bind"


def test_a_bubblewrap_that_cannot_limit_a_folder_is_not_asked_to() -> None:
    spec = SandboxSpec.model_validate({**GOOD, "memory": 123})
    assert "--size" not in options(spec, Path("/etc-files"), as_root=True, sized=False)
    sized = options(spec, Path("/etc-files"), as_root=True)
    assert sized[sized.index("--size") + 1] == "123"


def test_gpus_are_seen_only_where_they_are_asked_for() -> None:
    spec = SandboxSpec.model_validate(GOOD)
    devices = ["/dev/nvidia0"]
    assert devices[0] not in options(spec, Path("/e"), as_root=True, gpu_devices=devices)
    wanted = spec.model_copy(update={"gpus": True})
    assert devices[0] in options(wanted, Path("/e"), as_root=True, gpu_devices=devices)

"""Homes and datasets as a tenant's sandbox sees them, tried in real sandboxes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from galley.domain.tenants import Dataset, DatasetMode, Tenant
from galley.errors import InvalidInput
from galley.sandbox.workspace import (
    dataset_binds,
    platform_door,
    service_door,
    tenant_identity,
    tenant_spec,
    user_identity,
)

from tests.galley.sandbox.sandboxes import (
    AS_ROOT,
    TENANTS,
    member_spec,
    python,
    run,
    settings_in,
    try_inside,
)


def with_dataset(**dataset: Any) -> Tenant:
    declared = TENANTS.tenants["winery"]
    return declared.model_copy(update={"datasets": {"wines": Dataset.model_validate(dataset)}})


def binds_of(home: Path, tenant: Tenant, *, read_only: bool = False) -> Any:
    settings = settings_in(home)
    identity = user_identity(settings, "dave", "winery")
    return dataset_binds(settings, "winery", tenant, identity, read_only=read_only)


def test_a_read_only_dataset_refuses_writes_and_a_writable_one_takes_them(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    member_spec(settings, "alice", "oncology", "true")
    (tmp_path / "datasets/reference/table.csv").write_text("a,b")
    inside = try_inside(
        settings,
        "alice",
        "oncology",
        read=["/datasets/reference/table.csv"],
        write=["/datasets/reference/table.csv", "/datasets/reference/new", "/datasets/shared/new"],
    )
    assert inside["read"] == ["/datasets/reference/table.csv"]
    assert inside["write"] == ["/datasets/shared/new"]
    assert (tmp_path / "datasets/reference/table.csv").read_text() == "a,b"
    assert (tmp_path / "datasets/shared/new").read_text() == "written"


def test_the_error_of_a_write_names_the_file_system(tmp_path: Path) -> None:
    code = "open('/datasets/reference/new', 'w')"
    spec = member_spec(settings_in(tmp_path), "alice", "oncology", *python(code))
    done = run(settings_in(tmp_path), spec)
    assert "Read-only file system: '/datasets/reference/new'" in done.stderr


def test_members_of_a_tenant_can_change_each_others_shared_files(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    assert try_inside(settings, "alice", "oncology", write=["/datasets/shared/new"])["write"]
    assert try_inside(settings, "bob", "oncology", write=["/datasets/shared/new"])["write"]


def test_a_missing_dataset_is_named_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        binds_of(tmp_path, with_dataset(uri="datasets/wines"))
    error = caught.value
    assert error.detail == (
        f"tenants.winery.datasets.wines: the folder '{tmp_path}/datasets/wines' does not exist on "
        "this machine. Create it, or set tenants.winery.datasets.wines.create to true."
    )
    assert error.field == "tenants.winery.datasets.wines"
    assert not (tmp_path / "datasets").exists()


def test_an_address_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"wines\.uri: 's3://bucket/wines' is not a path"):
        binds_of(tmp_path, with_dataset(uri="s3://bucket/wines"))


@pytest.mark.parametrize(("mode", "verb"), [("ro", "read"), ("rw", "write to")])
def test_a_dataset_that_members_may_not_use_is_named(tmp_path: Path, mode: str, verb: str) -> None:
    folder = tmp_path / "wines"
    folder.mkdir()
    folder.chmod(0o000)
    with pytest.raises(InvalidInput, match=f"cannot {verb} .*wines.*chgrp -R .* && chmod -R g"):
        binds_of(tmp_path, with_dataset(uri=folder.as_uri(), mode=mode))


def test_a_rehearsal_cannot_write_to_a_writable_dataset(tmp_path: Path) -> None:
    tenant = with_dataset(uri="wines", mode=DatasetMode.RW, create=True)
    (bind,) = binds_of(tmp_path, tenant)
    assert (bind.target, bind.mode) == (Path("/datasets/wines"), "rw")
    (bind,) = binds_of(tmp_path, tenant, read_only=True)
    assert bind.mode == "ro"


def test_a_home_is_its_owners_only(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    spec = member_spec(settings, "alice", "oncology", "true")
    home = settings.homes / "users/alice/oncology"
    assert home.stat().st_mode & 0o777 == 0o700
    assert home.stat().st_uid == spec.uid
    assert spec.home == Path("/home/alice")
    if AS_ROOT:
        assert spec.uid != tenant_identity(settings, "oncology").uid


def test_without_isolation_the_real_home_shows_the_datasets(tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_copy(update={"isolation": "none"})
    spec = member_spec(settings, "alice", "oncology", "true")
    assert not spec.isolated
    assert spec.home == settings.homes / "users/alice/oncology"
    assert spec.env["GALLEY_DATASETS"] == str(spec.home / "datasets")
    shown = (spec.home / "datasets" / "reference").readlink()
    assert shown == tmp_path / "datasets/reference"


def test_the_limits_and_the_doors_come_from_profile_and_settings(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    declared = TENANTS.tenants["oncology"]
    spec = tenant_spec(
        settings,
        "oncology",
        declared,
        identity=tenant_identity(settings, "oncology"),
        profile=declared.profiles["small"],
        name="host",
        argv=["true"],
        env={"OMP_NUM_THREADS": "3"},
        outbound={**platform_door(settings), **service_door(settings)},
    )
    assert (spec.memory, spec.cpu) == (2**30, 1)
    assert spec.outbound == {8000: "127.0.0.1:8000", 3: "127.0.0.1:3"}
    assert spec.env["OMP_NUM_THREADS"] == "3"
    assert spec.env["MEM_LIMIT"] == str(2**30)
    assert spec.env["DO_NOT_TRACK"] == "1"

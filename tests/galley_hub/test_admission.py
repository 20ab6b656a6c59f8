from __future__ import annotations

import pytest
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley.errors import Forbidden, InvalidInput
from galley.sandbox.machine import Machine
from galley_hub.admission import Admission, admit, tenant_of

MACHINE = Machine(cpus=2, memory=16 * 2**30, gpus=0)


def ask(
    settings: Settings,
    tenants: Tenants,
    *,
    user: str = "alice",
    server: str = "oncology",
    profile: str | None = None,
    machine: Machine = MACHINE,
) -> Admission:
    return admit(settings, tenants, machine, user=user, server_name=server, profile_name=profile)


def test_a_member_gets_the_first_profile_or_the_one_named(
    settings: Settings, tenants: Tenants
) -> None:
    assert ask(settings, tenants).profile_name == "cpu-small"
    assert ask(settings, tenants, profile="cpu-large").profile.cpu == 2


def test_a_stranger_is_refused_with_the_own_tenants(settings: Settings, tenants: Tenants) -> None:
    with pytest.raises(Forbidden, match=r"dave is not a member .*'oncology'.*tenants: winery"):
        ask(settings, tenants, user="dave")


def test_an_unknown_tenant_reads_like_one_of_others(settings: Settings, tenants: Tenants) -> None:
    with pytest.raises(Forbidden) as unknown:
        ask(settings, tenants, user="dave", server="nowhere")
    with pytest.raises(Forbidden) as others:
        ask(settings, tenants, user="dave", server="oncology")
    assert unknown.value.detail.replace("nowhere", "oncology") == others.value.detail


def test_a_server_without_a_tenant_is_refused(settings: Settings, tenants: Tenants) -> None:
    with pytest.raises(InvalidInput, match="Choose one of yours: oncology, playground"):
        tenant_of(settings, tenants, "alice", "")


def test_an_unknown_profile_is_refused_with_those_there_are(
    settings: Settings, tenants: Tenants
) -> None:
    with pytest.raises(InvalidInput, match=r"'huge'.*cpu-small, cpu-large, gpu"):
        ask(settings, tenants, profile="huge")


@pytest.mark.parametrize(
    ("profile", "machine", "reason"),
    [
        ("gpu", MACHINE, "needs 1 GPU; this machine has none"),
        ("cpu-large", Machine(cpus=1, memory=2**40, gpus=0), "needs 2 CPU cores"),
        ("cpu-large", Machine(cpus=8, memory=4 * 2**30, gpus=0), "needs 6 GiB of memory"),
    ],
)
def test_a_profile_that_cannot_be_had_is_refused_with_its_reason(
    settings: Settings, tenants: Tenants, profile: str, machine: Machine, reason: str
) -> None:
    with pytest.raises(InvalidInput, match=reason):
        ask(settings, tenants, profile=profile, machine=machine)


def test_a_gpu_is_given_where_there_is_one(settings: Settings, tenants: Tenants) -> None:
    machine = Machine(cpus=8, memory=2**40, gpus=1)
    assert ask(settings, tenants, profile="gpu", machine=machine).profile.gpus == 1


def test_without_isolation_only_tenants_that_allow_it_get_servers(
    settings: Settings, tenants: Tenants
) -> None:
    bare = settings.model_copy(
        update={"isolation": "none", "isolation_reason": "To enable it, run: apt-get install x"}
    )
    assert ask(bare, tenants, server="playground").tenant.display_name == "Playground"
    with pytest.raises(Forbidden, match="apt-get install x"):
        ask(bare, tenants, server="oncology")

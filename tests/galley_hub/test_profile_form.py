from __future__ import annotations

import re

import pytest
from galley.domain.tenants import Tenant, Tenants
from galley.errors import InvalidInput
from galley.sandbox.machine import Machine
from galley_hub.profile_form import chosen_profile, parse, render

MACHINE = Machine(cpus=2, memory=16 * 2**30, gpus=0)


def inputs(html: str) -> dict[str, str]:
    """Return the radio buttons by value."""
    found = re.findall(r"<input[^>]*>", html)
    return {re.findall(r'value="([^"]*)"', one)[0]: one for one in found}


def test_what_cannot_be_had_is_disabled_with_its_reason(tenants: Tenants) -> None:
    html = render(tenants.tenants["oncology"], MACHINE)
    shown = inputs(html)
    assert list(shown) == ["cpu-small", "cpu-large", "gpu"]
    assert " disabled" in shown["gpu"]
    assert " disabled" not in shown["cpu-small"]
    assert "Not available: needs 1 GPU; this machine has none." in html


@pytest.mark.parametrize(
    ("last", "selected"),
    [(None, "cpu-small"), ("cpu-large", "cpu-large"), ("gpu", "cpu-small"), ("gone", "cpu-small")],
)
def test_the_last_choice_is_selected_if_it_can_be_had(
    tenants: Tenants, last: str | None, selected: str
) -> None:
    shown = inputs(render(tenants.tenants["oncology"], MACHINE, last))
    assert [name for name, one in shown.items() if " checked" in one] == [selected]


def test_text_of_the_operator_is_escaped() -> None:
    tenant = Tenant.model_validate(
        {
            "display_name": "<b>A & B</b>",
            "members": {},
            "profiles": {"small": {"display_name": "<i>", "cpu": 1, "memory": "1 GiB"}},
        }
    )
    html = render(tenant, MACHINE)
    assert "&lt;b&gt;A &amp; B&lt;/b&gt;" in html
    assert "<i>" not in html


def test_the_form_and_the_api_name_a_profile() -> None:
    assert parse({"profile": ["gpu"], "_xsrf": ["token"]}) == {"profile": "gpu"}
    assert chosen_profile({"profile": "gpu"}) == "gpu"
    assert chosen_profile(None) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image": "evil"}, "'image' is not an option"),
        ({"profile": ["gpu"]}, r"profile: \['gpu'\] is not the name"),
    ],
)
def test_other_options_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        chosen_profile(options)

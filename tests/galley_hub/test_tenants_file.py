"""A mistake in the tenants file stops the hub with key, value and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from galley.domain.settings import Settings
from galley.errors import InvalidInput
from galley_hub import configure
from traitlets.config import Config

ALICE = "      alice: [data-scientist]\n"
MISTAKES = {
    "role": (
        "      alice: [data-scientis]\n",
        (
            "tenants.oncology.members.alice[0]: 'data-scientis' is not allowed: it should be "
            "'data-scientist', 'lead', 'mle', 'operator' or 'auditor'."
        ),
    ),
    "unknown key": (
        f"{ALICE}    profils: {{}}\n",
        (
            "tenants.oncology.profils: unknown key; allowed here: display_name, description, "
            "members, profiles, default_profile, datasets, limits, parameters, review, "
            "retry, retention, packages, watch, require_isolation. Did you mean 'profiles'?"
        ),
    ),
    "gate": (
        f"{ALICE}    review: {{gates: [qa]}}\n",
        "tenants.oncology.review.gates[0]: 'qa' is not allowed: it should be 'lead' or 'mle'.",
    ),
    "size": (
        f"{ALICE}    limits: {{memory: lots}}\n",
        (
            "tenants.oncology.limits.memory: 'lots' is not allowed: a size is a number with a unit "
            "B, KiB, MiB, GiB or TiB, such as '2 GiB'."
        ),
    ),
    "mode": (
        f"{ALICE}    datasets: {{wines: {{uri: a, mode: w}}}}\n",
        "tenants.oncology.datasets.wines.mode: 'w' is not allowed: it should be 'ro' or 'rw'.",
    ),
    "default profile": (
        f"{ALICE}    default_profile: huge\n",
        "tenants.oncology: default_profile 'huge' is not one of the profiles: small.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_key_and_changes_nothing(
    settings: Settings, tmp_path: Path, mistake: str
) -> None:
    lines, said = MISTAKES[mistake]
    file = tmp_path / "tenants.yaml"
    file.write_text(
        "tenants:\n  oncology:\n    display_name: Oncology\n"
        "    profiles: {small: {display_name: Small, cpu: 1, memory: 1 GiB}}\n"
        f"    members:\n{lines}"
    )
    config = Config()
    with pytest.raises(InvalidInput) as caught:
        configure(config, settings.model_copy(update={"tenants_file": file}))
    assert caught.value.data["problems"] == [said]
    assert str(file) in caught.value.detail
    assert not config

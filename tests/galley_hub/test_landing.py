from __future__ import annotations

from types import SimpleNamespace

import pytest
from galley.domain.settings import Settings
from galley.domain.tenants import Tenants
from galley_hub.landing import landing, tenant_cards


def person(name: str, *, ready: tuple[str, ...] = ()) -> SimpleNamespace:
    return SimpleNamespace(
        name=name,
        escaped_name=name,
        spawners={tenant: SimpleNamespace(ready=True) for tenant in ready},
        server_url=lambda tenant: f"/user/{name}/{tenant}/",
    )


@pytest.mark.parametrize(
    ("user", "address"),
    [
        (person("dave"), "/hub/spawn/dave/winery"),
        (person("dave", ready=("winery",)), "/user/dave/winery/"),
        (person("alice"), "/hub/home"),
        (person("carol"), "/services/galley/"),
        (None, "/hub/home"),
    ],
    ids=["one tenant", "its lab runs", "several tenants", "no lab", "nobody"],
)
def test_everyone_lands_where_their_work_is(
    tenants: Tenants, user: SimpleNamespace | None, address: str
) -> None:
    assert landing(tenants)(SimpleNamespace(current_user=user)) == address


def test_the_home_page_shows_own_tenants_and_why_one_is_left_out(
    settings: Settings, tenants: Tenants
) -> None:
    bare = settings.model_copy(update={"isolation": "none", "isolation_reason": "no bwrap"})
    cards = {card.name: card for card in tenant_cards(bare, tenants, "alice")}
    assert list(cards) == ["oncology", "playground"]
    assert "no bwrap" in str(cards["oncology"].reason)
    assert cards["playground"].reason is None
    assert cards["playground"].roles == "data scientist, operator"

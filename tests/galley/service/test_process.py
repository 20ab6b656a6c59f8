"""The composition root: what is composed goes by the leases."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from galley.service.context import Context
from galley.service.process import compose
from galley.store import Store, leases
from galley.store.leases import LostLease
from galley.store.records import TokenRow
from sqlalchemy import func, select

from tests.galley.sandbox.sandboxes import settings_in


def test_a_host_is_only_started_by_who_holds_the_lease(tmp_path: Path) -> None:
    settings = settings_in(tmp_path).model_copy(
        update={"tenants_file": Path("hub_config/tenants.yaml").absolute()}
    )
    settings.secrets.mkdir(parents=True, exist_ok=True)
    for name in ("cookie-secret", "service-token", "mlflow-token", "secret-keys"):
        (settings.secrets / name).write_text("x")
    context: Context = compose(settings).state.context
    with closing(context.store):
        taken = context.store.write(
            lambda s: leases.claim(s, "launcher", "another", None, datetime.now(UTC))
        )
        assert taken is not None
        tenant = next(iter(context.tenants().tenants))
        with pytest.raises(LostLease, match="'launcher'"):
            context.launcher.ensure_tenant_host(tenant)
        assert tokens(context.store) == 0


def tokens(store: Store) -> int | None:
    return store.read(lambda s: s.scalar(select(func.count()).select_from(TokenRow)))

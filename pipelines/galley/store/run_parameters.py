"""The parameter values that a run of a version gets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from galley.domain.parameters import ParameterLayers, ParameterSchema, declared, time_values
from galley.domain.tenants import Tenant
from galley.errors import InvalidInput
from galley.notebook.parameters import complete, validate
from galley.store.tables import VersionRow


class Interval(NamedTuple):
    """The time that a run is for: its logical date and the data interval [start, end)."""

    logical_date: datetime
    start: datetime
    end: datetime


def schema_of(version: VersionRow) -> ParameterSchema:
    """Return the parameter schema of a version."""
    return ParameterSchema.model_validate(version.analysis.get("parameters", {}))


def values_of(
    version: VersionRow, tenant: Tenant, run: Mapping[str, Any], interval: Interval
) -> dict[str, Any]:
    """Return every parameter's value, checked: notebook, tenant, run, from weak to strong.

    Args:
        run: what the run was asked for with, or what its schedule's own parameters come to.

    Parameters named for the time of the run are filled unless the run gives them itself.

    Raises:
        InvalidInput: an unknown, ill-typed or missing value; ``field`` is ``parameters.NAME``.
    """
    schema = schema_of(version)
    overrides = declared(schema, tenant.parameters)
    try:
        validate(schema, {name: value for name, value in overrides.items() if name not in run})
    except InvalidInput as error:
        raise InvalidInput(
            f"the tenant's own value does not fit this version: {error.detail}. The operator sets "
            "it under `parameters` of the tenant",
            field=error.field,
        ) from error
    layers = ParameterLayers(
        notebook=version.defaults,
        tenant=overrides,
        run={**time_values(schema, *interval), **run},
    )
    return complete(schema, layers.merged())

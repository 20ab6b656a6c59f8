"""Triggers: what starts a run of a pipeline beside its schedule and people.

Glossary
    trigger   one rule of a pipeline, by name; its wordings are versioned and never deleted
    source    what it watches: pipelines upstream, a file, or signed requests to an address
    firing    one time that it fired: what was the cause, and which run came of it
    wording   one version of a trigger's source and parameters
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from galley.domain.model import Instant, Model, PlannedInstant
from galley.domain.runs import RunState, TriggerKind
from galley.domain.schedules import DeadlineS

MAX_UPSTREAM = 20
LEAST_INTERVAL_S = 10
LONGEST_INTERVAL_S = 86_400

HOOK_WINDOW_S = 300
"""How far a webhook's time may be from ours, seconds."""
HOOK_BODY = 64 * 2**10
"""Largest body of a webhook's request, bytes."""
HOOK_OPEN = 100
"""Runs of one webhook that may be waiting or under way."""
TIMESTAMP_HEADER = "Galley-Timestamp"
SIGNATURE_HEADER = "Galley-Signature"


class TriggerType(StrEnum):
    """What a trigger watches."""

    UPSTREAM = "upstream"
    FILE = "file"
    WEBHOOK = "webhook"

    @property
    def kind(self) -> TriggerKind:
        """The kind of the runs that it starts."""
        return TriggerKind(self.value)


class UpstreamSource(Model):
    """Fires once all of these pipelines of the tenant have succeeded for one logical date."""

    type: Literal["upstream"] = "upstream"
    pipelines: tuple[Annotated[str, Field(min_length=1, max_length=48)], ...] = Field(
        min_length=1, max_length=MAX_UPSTREAM
    )


class FileSource(Model):
    """Fires when a file, an object or a table has another version than before.

    Attributes:
        url: ``/datasets/NAME/PATH``, or an URL under one of the tenant's ``watch`` entries. A
            folder of the platform's machine is watched by its entries, a Delta or Iceberg table by
            its newest commit.
        interval_s: pause between two looks, seconds.
    """

    type: Literal["file"] = "file"
    url: str = Field(min_length=1, max_length=1000)
    interval_s: float = Field(default=60, ge=LEAST_INTERVAL_S, le=LONGEST_INTERVAL_S)


class WebhookSource(Model):
    """Fires on a request that is signed with the trigger's secret."""

    type: Literal["webhook"] = "webhook"


Source = Annotated[UpstreamSource | FileSource | WebhookSource, Field(discriminator="type")]


class TriggerChange(Model):
    """The source of a trigger that is there already, and what its runs are given."""

    source: Source
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Values of the runs that it starts; text may hold templates, as a schedule's.",
    )
    deadline_s: DeadlineS | None = Field(
        default=None,
        description="Time from when it fires until its run must have ended, seconds: one that has "
        "not started by then is skipped, one that is running is timed out.",
    )


class TriggerRequest(TriggerChange):
    """A new trigger; ``name`` is a slug, unique within the pipeline."""

    name: str


class FileWatch(Model):
    """How a file trigger gets on.

    Attributes:
        version: what was seen last, shortened; None: not looked at yet, or not there.
        failures: looks in a row that failed; the pause doubles with each.
    """

    version: str | None
    polled_at: Instant | None
    next_poll: Instant
    failures: int
    error: str | None


class Trigger(Model):
    """A trigger that is in force.

    Attributes:
        hook: path of a webhook's address, below the platform's own.
        watch: of a file trigger.
        last_fired: None: never.
    """

    id: UUID
    tenant: str
    pipeline: str
    name: str
    source: Source
    parameters: dict[str, Any]
    deadline_s: int | None = None
    paused: bool
    paused_by: str | None
    hook: str | None = None
    watch: FileWatch | None = None
    last_fired: Instant | None = None
    since: Instant
    set_by: str


class TriggerMade(Model):
    """A trigger that was set.

    Attributes:
        secret: of a webhook, shown this once and never again; None for other triggers, and where
            it stays as it was.
    """

    trigger: Trigger
    secret: str | None = None


class TriggerFiring(Model):
    """One time that a trigger fired.

    Attributes:
        run: None: no run came of it, and ``reason`` says why.
        state: of the run, now; None: there is none, or it is not kept any more.
        cause: the runs upstream; the file's old and new version; or the id of the request.
    """

    id: UUID
    trigger: UUID
    name: str
    at: Instant
    run: UUID | None
    state: RunState | None = None
    reason: str | None
    cause: dict[str, Any]


class HookRequest(Model):
    """The body of a webhook's request; an empty body is an empty object.

    Attributes:
        parameters: above the trigger's own; plain values, no templates.
        logical_date: default is the time at which it was signed.
    """

    parameters: dict[str, Any] = Field(default_factory=dict)
    logical_date: PlannedInstant | None = None


class HookAnswer(Model):
    """What a webhook's request came to."""

    run: UUID

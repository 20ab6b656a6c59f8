"""Requests and answers of the REST API that belong to no other noun."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from galley.domain.model import Model, Number
from galley.domain.schedules import Firing
from galley.domain.split import SplitLayout
from galley.domain.tenants import Action, DatasetMode, Gate, Limits, Role


class ProfileView(Model):
    """A profile as the publish dialog offers it.

    Attributes:
        available: whether it can be had on this deployment now.
        reason: why not, and what would help; None when it can be had.
    """

    name: str
    display_name: str
    description: str
    cpu: float
    memory: int = Field(description="Bytes.")
    gpus: int
    available: bool
    reason: str | None = None


class DatasetView(Model):
    """A dataset as members see it: where notebooks find it."""

    name: str
    path: str
    mode: DatasetMode
    description: str = ""


class TenantView(Model):
    """A tenant as the caller sees it.

    Attributes:
        actions: what the caller may do here with this credential.
        gates: the approvals that a version needs; empty: publishing deploys.
        parameters: values of the tenant that override a notebook's defaults.
        available: whether its servers and runs may start on this deployment.
        reason: why not, and the line that enables it.
    """

    name: str
    display_name: str
    description: str
    roles: tuple[Role, ...]
    actions: tuple[Action, ...]
    profiles: tuple[ProfileView, ...]
    default_profile: str
    gates: tuple[Gate, ...]
    limits: Limits
    datasets: tuple[DatasetView, ...]
    parameters: dict[str, Any]
    available: bool
    reason: str | None = None


class Me(Model):
    """The caller.

    Attributes:
        via: the kind of credential: ``browser``, ``token`` or ``server``.
        xsrf: what a browser sends back in the ``X-XSRFToken`` header; None for tokens.
    """

    user: str
    via: str
    tenants: tuple[TenantView, ...]
    xsrf: str | None = None


class AnalysisRequest(Model):
    """A notebook to be read; nothing of it is run or kept."""

    notebook: dict[str, Any]
    modules: dict[str, str] = Field(default_factory=dict)
    layout: SplitLayout | None = None
    source_path: str | None = Field(default=None, max_length=1000)


class SlugStatus(Model):
    """Whether a name can be used for a pipeline.

    Attributes:
        yours: it exists and the caller owns it or is the author of a version of it.
        message: one sentence for people.
        suggestion: the nearest valid name.
    """

    slug: str
    valid: bool
    exists: bool
    yours: bool
    message: str
    suggestion: str


class DeploymentRequest(Model):
    """Make an approved version the live one."""

    version: Number
    reason: str = Field(default="", max_length=4000)


class Firings(Model):
    """The next firings of the schedule in force."""

    firings: tuple[Firing, ...]


class KeptFile(Model):
    """A file that an attempt left: one that it wrote, or an output that was cut, whole."""

    name: str
    size: int = Field(description="Bytes.")


class LogChunk(Model):
    """A part of an attempt's log.

    Attributes:
        offset, next_offset, size: bytes; read on from ``next_offset``.
        ended: nothing will be added after ``size``.
    """

    text: str
    offset: int
    next_offset: int
    size: int
    ended: bool


class StartRequest(Model):
    """A runner says that it has begun."""

    fencing: int

"""Tenants, their members, profiles, datasets and limits: what the operator declares in one file.

Glossary
    tenant   a team that shares pipelines, runs, an MLflow workspace and a service identity
    role     what a member does in the tenant; each role allows some *actions*
    action   one thing a caller may do; it is a hub scope, ``custom:galley:ACTION!group=TENANT``
    profile  CPU, memory and GPUs of a server or a run
    gate     one approval that a version needs before it may run
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from galley.domain.model import Model
from galley.domain.packages import Packages
from galley.domain.retention import RetentionPolicy
from galley.domain.slugs import check_slug
from galley.errors import InvalidInput


class Role(StrEnum):
    """What a member does in a tenant."""

    DATA_SCIENTIST = "data-scientist"
    LEAD = "lead"
    MLE = "mle"
    OPERATOR = "operator"
    AUDITOR = "auditor"


class Action(StrEnum):
    """One thing a caller may do in a tenant."""

    READ = "read"
    PUBLISH = "publish"
    RUN = "run"
    APPROVE_LEAD = "approve-lead"
    APPROVE_MLE = "approve-mle"
    DEPLOY = "deploy"
    OPERATE = "operate"
    SECRETS = "secrets"


class Gate(StrEnum):
    """One approval that a version needs."""

    LEAD = "lead"
    MLE = "mle"

    @property
    def action(self) -> Action:
        """The action that a caller needs in order to decide at this gate."""
        return Action.APPROVE_LEAD if self is Gate.LEAD else Action.APPROVE_MLE


ROLE_ACTIONS: dict[Role, frozenset[Action]] = {
    Role.DATA_SCIENTIST: frozenset({Action.READ, Action.PUBLISH, Action.RUN, Action.OPERATE}),
    Role.LEAD: frozenset(
        {Action.READ, Action.RUN, Action.APPROVE_LEAD, Action.DEPLOY, Action.OPERATE}
    ),
    Role.MLE: frozenset(
        {Action.READ, Action.RUN, Action.APPROVE_MLE, Action.DEPLOY, Action.OPERATE}
    ),
    Role.OPERATOR: frozenset(
        {Action.READ, Action.RUN, Action.DEPLOY, Action.OPERATE, Action.SECRETS}
    ),
    Role.AUDITOR: frozenset({Action.READ}),
}

SERVER_TOKEN_ACTIONS = frozenset({Action.READ, Action.PUBLISH, Action.RUN})
"""What the token of a single-user server may carry: any notebook can read that token."""


def scope(action: Action, tenant: str) -> str:
    """Return the hub scope that allows ``action`` in ``tenant``."""
    return f"custom:galley:{action}!group={tenant}"


_BYTES = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB)\s*")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def parse_bytes(value: object) -> int:
    """Return ``"2 GiB"``, ``"512MiB"`` or a whole number of bytes as bytes."""
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and (match := _BYTES.fullmatch(value)):
        size = int(float(match[1]) * _UNITS[match[2]])
        if size > 0:
            return size
    raise ValueError("a size is a number with a unit B, KiB, MiB, GiB or TiB, such as '2 GiB'")


Bytes = Annotated[int, BeforeValidator(parse_bytes)]


class Profile(Model):
    """Resources of a server or a run."""

    display_name: str = Field(min_length=1, description="Shown to people.")
    description: str = ""
    cpu: float = Field(gt=0, description="CPU cores.")
    memory: Bytes = Field(description="Memory limit, for example '2 GiB'.")
    gpus: int = Field(default=0, ge=0, description="Number of GPUs.")
    concurrent_runs: int | None = Field(
        default=None,
        ge=1,
        exclude=True,
        description="Runs of this profile at the same time; none: as many as the tenant may have.",
    )
    scratch: Bytes | None = Field(
        default=None,
        exclude=True,
        description="Scratch space of a run with this profile; none: the tenant's limit.",
    )


class DatasetMode(StrEnum):
    """Whether notebooks may write to a dataset."""

    RO = "ro"
    RW = "rw"


class Dataset(Model):
    """A folder that every server and run of the tenant sees at ``/datasets/NAME``."""

    uri: str = Field(
        min_length=1,
        description="A path or file: URI; a relative path lies in GALLEY_HOME.",
    )
    mode: DatasetMode = DatasetMode.RO
    create: bool = Field(default=False, description="Create the folder when it is missing.")
    description: str = ""


DATASETS_ROOT = "/datasets"
"""Where datasets are mounted, in interactive servers and in runs alike."""


class Limits(Model):
    """What a tenant may use at most."""

    concurrent_runs: int = Field(default=4, ge=1, description="Runs at the same time.")
    pipeline_runs: int | None = Field(
        default=None,
        ge=1,
        description="Runs of one pipeline at the same time, whatever asked for them; none: as "
        "many as the tenant's. A schedule may allow fewer.",
    )
    cpu: float = Field(default=2, gt=0, description="CPU cores of all runs together.")
    memory: Bytes = Field(default=4 * 2**30, description="Memory of all runs together.")
    scratch: Bytes = Field(default=10 * 2**30, description="Scratch space of one run.")
    artifacts: Bytes = Field(default=20 * 2**30, description="Artifacts kept, all runs together.")
    notebook: Bytes = Field(default=20 * 2**20, description="Size of one published notebook.")
    proof: float = Field(
        default=900,
        ge=0,
        description="Time that proving a split may take in a rehearsal, seconds; 0: never.",
    )

    cell_timeout: float | None = Field(
        default=None,
        gt=0,
        description="Time that each cell of a run may take where its version does not say, "
        "seconds; none: as long as the run.",
    )
    output: Bytes = Field(
        default=8 * 2**20, description="Size of one output kept in an executed notebook."
    )
    cell_outputs: Bytes = Field(
        default=16 * 2**20, description="Size of all outputs of one cell kept there."
    )

    cluster_idle: float = Field(
        default=600,
        gt=0,
        description="Time without a run after which the tenant's cluster and what runners are "
        "forked from are ended, seconds; the next run starts them anew.",
    )

    def allow(self, profile: Profile) -> bool:
        """Whether a run of this profile fits when nothing else runs."""
        return self.why_not(profile) is None

    def why_not(self, profile: Profile) -> str | None:
        """Return why no run of a profile ever fits, for people; None where one does."""
        if profile.cpu > self.cpu:
            return (
                f"needs {profile.cpu:g} CPU cores; all runs of the tenant together get {self.cpu:g}"
            )
        if profile.memory > self.memory:
            need, have = (f"{size / 2**30:.3g} GiB" for size in (profile.memory, self.memory))
            return f"needs {need} of memory; all runs of the tenant together get {have}"
        return None


def check_watched(url: str) -> str:
    """Return ``url`` as a folder that file triggers may look into: it ends with a slash.

    Raises:
        ValueError: it is no URL, or one that could lead elsewhere.
    """
    parts = urlsplit(url)
    if not parts.scheme or "::" in url or not (parts.netloc or parts.path.strip("/")):
        raise ValueError(
            f"{url!r}: write an URL such as s3://bucket/landing/ or file:///srv/landing/"
        )
    if parts.query or parts.fragment or "@" in parts.netloc or ".." in parts.path.split("/"):
        raise ValueError(f"{url!r}: leave out '?', '#', '..' and credentials")
    return url.rstrip("/") + "/"


Watched = Annotated[str, AfterValidator(check_watched)]


class RetryPolicy(Model):
    """What is tried again by itself, beyond failures of the platform's."""

    out_of_memory: Literal["never", "next_profile"] = Field(
        default="never",
        description="Whether a run that needed more memory is tried once more, on the next larger "
        "profile.",
    )


class ReviewPolicy(Model):
    """Which gates a version must pass, and what approval does."""

    gates: tuple[Gate, ...] = Field(
        default=(Gate.LEAD, Gate.MLE), description="Empty: no review, publishing deploys."
    )
    deploy: Literal["on_approval", "manual"] = Field(
        default="on_approval",
        description="Whether an approved version goes live by itself.",
    )

    @field_validator("gates")
    @classmethod
    def _each_gate_once(cls, gates: tuple[Gate, ...]) -> tuple[Gate, ...]:
        if len(set(gates)) != len(gates):
            raise ValueError("each gate may be listed once")
        return gates


class Tenant(Model):
    """One team on the platform."""

    display_name: str = Field(min_length=1)
    description: str = ""
    members: dict[str, tuple[Role, ...]] = Field(description="User name → roles.")
    profiles: dict[str, Profile] = Field(min_length=1)
    default_profile: str | None = Field(default=None, description="Default: the first profile.")
    datasets: dict[str, Dataset] = Field(default_factory=dict)
    limits: Limits = Field(default_factory=Limits)
    parameters: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameter values of this tenant, above a notebook's defaults.",
    )
    review: ReviewPolicy = Field(default_factory=ReviewPolicy)
    retry: RetryPolicy = Field(default_factory=RetryPolicy)
    retention: RetentionPolicy = Field(
        default_factory=RetentionPolicy,
        description="How long what runs leave is kept; default: for ever.",
    )
    packages: Packages = Field(
        default_factory=Packages,
        description="Where the distributions of locked environments come from.",
    )
    watch: tuple[Watched, ...] = Field(
        default=(),
        description="URLs (fsspec) of folders that file triggers may look into, beside the "
        "datasets; nothing is read but names, sizes, times and tags.",
    )
    require_isolation: bool = Field(
        default=True, description="Leave the tenant out where servers cannot be isolated."
    )

    @field_validator("members")
    @classmethod
    def _members_have_names_and_roles(
        cls, members: dict[str, tuple[Role, ...]]
    ) -> dict[str, tuple[Role, ...]]:
        for name, roles in members.items():
            if not re.fullmatch(r"[a-z][a-z0-9_.-]{0,62}", name):
                raise ValueError(
                    f"user name {name!r}: use 1 to 63 of a-z, 0-9, '_', '.', '-', a letter first"
                )
            if not roles:
                raise ValueError(f"member {name!r} needs at least one role: {', '.join(Role)}")
        return members

    @field_validator("profiles", "datasets")
    @classmethod
    def _keys_are_slugs(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key in value:
            try:
                check_slug(key, field=key)
            except InvalidInput as error:
                raise ValueError(error.detail) from error
        return value

    @model_validator(mode="after")
    def _default_profile_exists(self) -> Tenant:
        if self.default_profile is not None and self.default_profile not in self.profiles:
            raise ValueError(
                f"default_profile {self.default_profile!r} is not one of the profiles: "
                f"{', '.join(self.profiles)}"
            )
        return self

    def actions_of(self, user: str) -> frozenset[Action]:
        """Return what ``user`` may do here; empty for a stranger."""
        roles = self.members.get(user, ())
        return frozenset(action for role in roles for action in ROLE_ACTIONS[role])

    def usable_profiles(self) -> list[str]:
        """Return the names of the profiles that are within the tenant's limits."""
        return [name for name, one in self.profiles.items() if self.limits.allow(one)]

    def next_profile(self, name: str) -> str | None:
        """Return the smallest profile with more memory than ``name`` and no less of the rest.

        Only profiles within the tenant's limits count; None where there is none.
        """
        given = self.profiles[name]
        larger = {
            other: profile
            for other, profile in self.profiles.items()
            if profile.memory > given.memory
            and profile.cpu >= given.cpu
            and profile.gpus >= given.gpus
            and self.limits.allow(profile)
        }
        return min(
            larger,
            key=lambda other: (larger[other].memory, larger[other].cpu, larger[other].gpus),
            default=None,
        )

    @property
    def first_profile(self) -> str:
        """The profile used where none is chosen."""
        return self.default_profile or next(iter(self.profiles))


MAX_TENANT_NAME = 30
"""JupyterHub's limit for the name of a named server, which is the tenant's."""


class Tenants(Model):
    """The tenants file."""

    format: int = Field(default=1, ge=1, le=1)
    tenants: dict[str, Tenant] = Field(min_length=1)

    @field_validator("tenants")
    @classmethod
    def _names(cls, tenants: dict[str, Tenant]) -> dict[str, Tenant]:
        for name in tenants:
            try:
                check_slug(name, field=name)
            except InvalidInput as error:
                raise ValueError(error.detail) from error
            if len(name) > MAX_TENANT_NAME:
                raise ValueError(f"tenant name {name!r}: at most {MAX_TENANT_NAME} characters")
        return tenants

    def of(self, user: str) -> dict[str, Tenant]:
        """Return the tenants that ``user`` is a member of."""
        return {name: tenant for name, tenant in self.tenants.items() if user in tenant.members}

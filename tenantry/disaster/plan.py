"""A disaster recovery plan as data: systems, who may declare, how each is recovered, checked and taken back.

``runbooks/disaster/plans/<id>.yaml`` (templates, and the MSP's own) and ``tenants/<client>/disaster/<id>.yaml`` in the home.
:mod:`tenantry.disaster.load` reads and judges it; :mod:`tenantry.disaster.compile` makes the runbook of an activation.

Terms are those of NIST SP 800-34 Rev. 1 (https://doi.org/10.6028/NIST.SP.800-34r1): the recovery time objective (RTO) is the longest
time that a system may be away, counted from when it went; the recovery point objective (RPO) is the point before the outage to which data
must be recovered.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from tenantry.disaster.probes import DataProbe, Probe
from tenantry.errors import InvalidInput
from tenantry.runbook.model import parse_duration

__all__ = ["BackupOf", "Communication", "Plan", "ProcedureStep", "System", "Through", "estimate_of"]

MOST_SYSTEMS: Final = 120


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _duration(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except InvalidInput as error:
        raise PydanticCustomError("duration", "{why}", {"why": error.message}) from None


def _some(value: tuple[Any, ...]) -> tuple[Any, ...]:
    # Not a length of the type's: that would be complained about as well where one of the items is wrong.
    if not value:
        raise ValueError("needs at least one")
    return value


_Frozen = BeforeValidator(_tuple)
Through = Literal["backup", "host_backup", "workspace_backup"]
"""The capability that reaches a backup."""
_Some = AfterValidator(_some)
Duration = Annotated[timedelta, BeforeValidator(_duration)]
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=600)]
_Id = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$", max_length=30)]
_Who = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class ProcedureStep(_Model):
    """One step of a procedure: a task, how long it is expected to take, and what a person does where it cannot be done."""

    id: _Id = Field(description="Name within the system; later steps of it read it as steps.<id>")
    title: str = Field(default="", max_length=160, description="What people read; the task's summary when absent")
    uses: str = Field(description="Name of the task, <area>.<verb_noun>")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="The task's parameters")
    estimate: Duration = Field(
        description="How long it is expected to take; the feasibility of each RTO is counted from these"
    )
    manual: str = Field(default="", max_length=2_000, description="What an engineer does by hand where the task fails")
    approve: _Text | None = Field(default=None, description="Asks an approver before it acts, with this reason")
    rehearse: bool = Field(
        default=False,
        description="Carried out in a rehearsal too, with the scratch targets in place of the real ones. What only reads always is",
    )


class BackupOf(_Model):
    """What the recovery of a system stands on."""

    source: _Text = Field(description="What is backed up, as the backup names it")
    through: Through = Field(
        default="backup",
        description="What reaches it: backup (cloud accounts and databases), host_backup (the source is a host with a repository), "
        "or workspace_backup (a mailbox, drive or site)",
    )
    every: Duration = Field(description="How often; no RPO shorter than this can be kept")
    tested_on: date | None = Field(
        default=None, description="Day of the last restore that was looked at; newer ones in the record count too"
    )
    test_every: Duration = Field(default=timedelta(days=180), description="After how long a test is too old")
    immutable: bool = Field(default=False, description="Nobody can delete it, the client's administrators included")


class System(_Model):
    """One system of the plan."""

    id: _Id
    title: _Text
    tier: int = Field(ge=0, le=9, description="Criticality: 0 is what everything else stands on")
    owner: _Who = Field(description="Who answers for it: a person of the estate, or a contact of the client, by id")
    needs: Annotated[tuple[_Id, ...], _Frozen] = Field(default=(), description="Systems that must work before it can")
    rto: Duration = Field(description="Longest time that it may be away")
    rpo: Duration | None = Field(default=None, description="Most that may be lost; none: it keeps no data")
    primary: _Text = Field(description="Where it usually runs")
    recovery: _Text = Field(description="Where it is recovered to")
    quiesce: Annotated[tuple[ProcedureStep, ...], _Frozen] = Field(
        default=(), description="Graceful only: drains and stops it where it runs, after everything that needs it"
    )
    procedure: Annotated[tuple[ProcedureStep, ...], _Frozen, _Some] = Field(
        description="Brings it up at the recovery site"
    )
    failback: Annotated[tuple[ProcedureStep, ...], _Frozen] = Field(
        default=(), description="Brings it back to the primary site, in an activation of its own"
    )
    primary_health: Annotated[tuple[Probe, ...], _Frozen, _Some] = Field(
        description="What it answers at the primary site: tells whether it is down, and whether it is back",
    )
    health: Annotated[tuple[Probe, ...], _Frozen, _Some] = Field(
        description="What it answers at the recovery site; its clock stops when all of them hold"
    )
    patience: Duration = Field(
        default=timedelta(minutes=10), description="How long it may take from the last step to health"
    )
    data: Annotated[tuple[DataProbe, ...], _Frozen] = Field(
        default=(), description="Looks at recovered data: how much there is and how new; measures the RPO achieved"
    )
    primary_data: Annotated[tuple[DataProbe, ...], _Frozen] = Field(
        default=(), description="The same at the primary site, for a failback"
    )
    backups: Annotated[tuple[BackupOf, ...], _Frozen] = Field(default=(), description="What its recovery stands on")
    clean_up: Annotated[tuple[ProcedureStep, ...], _Frozen] = Field(
        default=(), description="Rehearsal only: takes away what was recovered for it, once everything was measured"
    )


class Communication(_Model):
    """Who hears what, when."""

    to: Annotated[tuple[str, ...], _Frozen, _Some] = Field(description="Contact roles or ids of the client")
    team: Annotated[tuple[str, ...], _Frozen] = Field(default=(), description="Contacts that are called first of all")
    cadence: Duration = Field(
        default=timedelta(hours=1), description="How often they hear from us while systems are away"
    )


class Drill(_Model):
    """When the plan was last rehearsed, and how often it is."""

    every: Duration = Field(default=timedelta(days=180))
    scratch: dict[_Text, _Text] = Field(
        default_factory=dict,
        max_length=200,
        description="For a rehearsal: what stands in the place of what. A host, database, address or path of the recovery site → the scratch one; "
        "whole values of procedures and checks are replaced, never parts of them",
    )
    last_on: date | None = Field(
        default=None, description="Day of the last drill; none: never. Newer ones in the record count too"
    )


class Plan(_Model):
    """A plan, as its file says it."""

    id: _Id = Field(description="Its name; the file is called so")
    version: int = Field(ge=1, description="Raised with every change of meaning")
    title: _Text
    tenant: _Who | None = Field(
        default=None, description="Whose plan it is; none: a template, which cannot be activated"
    )
    declarers: Annotated[tuple[_Who, ...], _Frozen, _Some] = Field(
        description="Who may declare, by id: enrolled people of the estate with the role that declares"
    )
    declare_within: Duration = Field(
        default=timedelta(minutes=30), description="From the outage to the declaration; part of each RTO"
    )
    communication: Communication
    drill: Drill = Field(default_factory=Drill)
    systems: Annotated[tuple[System, ...], _Frozen, _Some] = Field(max_length=MOST_SYSTEMS)

    def system(self, system_id: str) -> System:
        """Raises KeyError."""
        return next(one for one in self.systems if one.id == system_id)


def estimate_of(steps: tuple[ProcedureStep, ...]) -> timedelta:
    """How long a procedure takes: its steps go one after the other."""
    return sum((step.estimate for step in steps), timedelta(0))

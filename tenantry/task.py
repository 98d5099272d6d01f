"""The contract of every unit of work: what a task declares, what it is given, what it reports.

Three kinds, told apart by their base class:

* :class:`ReadTask` observes and returns an output; outcome ``observed``.
* :class:`Task` changes something: ``check`` → ``apply`` → ``verify`` → ``undo``.
* :class:`HumanTask` asks a person; the answer is proven, journalled, and is the task's output.

A task sees the capabilities it declared in ``needs`` and nothing else: no vendor, no other tenant, no secret store.
The engine (:mod:`tenantry.run`) alone decides when a task's methods are called, and records around each of them.
"""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from tenantry.errors import OutOfScope

if TYPE_CHECKING:
    from tenantry.capabilities import (
        Applications,
        Backup,
        Cloud,
        CloudIdentity,
        CloudLogs,
        Credentials,
        Dns,
        Findings,
        Host,
        HostBackup,
        Identity,
        Logs,
        Mail,
        Messenger,
        Secrets,
        Storage,
        WorkspaceBackup,
    )


class Impact(enum.StrEnum):
    """How much an effect can hurt. Approval follows impact, not whether there is an undo."""

    READ = "read"
    REVERSIBLE = "reversible"  # runs by itself
    DISRUPTIVE = "disruptive"  # people notice; approval as the runbook or the tenant's policy says
    IRREVERSIBLE = "irreversible"  # data is lost for good; always an approval


class Outcome(enum.StrEnum):
    """What one step reports for one item."""

    OBSERVED = "observed"  # a read, or a person's answer
    ALREADY = "already"  # was so before; nothing was done
    WOULD_CHANGE = "would_change"  # plan mode only
    CHANGED = "changed"  # done and verified
    FAILED = "failed"
    SKIPPED = "skipped"  # `when` was false, or something it needs did not succeed
    UNDONE = "undone"
    UNDO_FAILED = "undo_failed"
    UNKNOWN = "unknown"  # could not check, or could not verify: never "clean"

    @property
    def final(self) -> bool:
        """A resumed run keeps it; ``failed`` and ``unknown`` are tried again."""
        return self in _FINAL

    @property
    def good(self) -> bool:
        """Steps that need this one may go on."""
        return self in _GOOD


_FINAL = frozenset({Outcome.OBSERVED, Outcome.ALREADY, Outcome.CHANGED, Outcome.UNDONE})
_GOOD = frozenset({Outcome.OBSERVED, Outcome.ALREADY, Outcome.CHANGED, Outcome.WOULD_CHANGE})


class Change(BaseModel):
    """One property of one object at the tenant: what it is now and what it is to be.

    ``path`` is ``<kind>/<vendor's object id>/<property>`` and the same in check, plan, record and undo. Values are JSON,
    never secrets: a password is described ("set by this run"), not given.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    before: Any = None
    after: Any = None


class Permission(BaseModel):
    """What a task needs granted at one vendor, in that vendor's words (Graph app roles, IAM actions, sudo commands)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: str
    names: tuple[str, ...]


AccountRef = Annotated[
    str,
    Field(
        min_length=1,
        max_length=320,
        description="User principal name or object id",
        json_schema_extra={"x-kind": "account"},
    ),
]
"""A parameter that names an account: the engine's guards (responder's own, last way in) look at it."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a task may know of the run it is part of. ``started_at`` is when the run was created: it stays the same over
    every resume, so tasks may compare vendors' times with it."""

    run_id: str
    tenant: str
    mode: str
    started_at: datetime
    runbook: str
    step: str = ""
    item: str | None = None


@dataclass(frozen=True, slots=True)
class EvidenceRef:
    """Collected evidence: its name in the bundle, digest of the plain bytes, size in bytes, rows where it has rows."""

    name: str
    sha256: str
    size: int
    rows: int | None = None

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "sha256": self.sha256, "size": self.size, "rows": self.rows}


class EvidenceSink(Protocol):
    """Where read tasks put what they collect. Content-addressed, encrypted under the tenant's key: storing the same bytes
    again after a crash changes nothing."""

    async def store_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> EvidenceRef:
        """Store rows as JSON lines, unaltered."""
        ...

    async def store_bytes(self, name: str, data: bytes) -> EvidenceRef: ...


@dataclass(slots=True)
class Context:
    """What a task is given: its declared capabilities for one tenant, the run's facts, a place for evidence."""

    run: RunFacts
    capabilities: Mapping[str, Any]
    evidence: EvidenceSink
    now: datetime
    intent_at: datetime | None = None
    """When this step's effect was first intended, if it ever was: lets ``check`` recognise an effect that cannot be read
    back otherwise (a password reset)."""
    in_doubt: bool = False
    """An earlier try of this effect may have been made: its answer never came, or nobody recorded it. False when the vendor
    certainly did nothing each time."""
    planned: Mapping[str, Any] = field(default_factory=dict)
    """Plan mode: path → value that earlier steps of the plan would have written. Empty in a real run."""
    protected: frozenset[str] = frozenset()
    """Accounts (lower-case UPN or object id) of the responders and break-glass accounts of this tenant."""
    subject: Mapping[str, Any] = field(default_factory=dict)
    """The tenant's public facts (contacts, team, agreement, regimes), as the runbook's ``tenant`` variable shows them."""

    def capability(self, name: str) -> Any:
        try:
            return self.capabilities[name]
        except KeyError:
            raise OutOfScope(
                f"the step {self.run.step!r} used the capability {name!r} without declaring it in `needs`",
                remedy="A defect in the task: add the capability to its `needs`.",
            ) from None

    def seen(self, path: str, value: Any) -> Any:
        """``value`` as just read from the tenant, or what this plan would have written there before this step."""
        return self.planned.get(path, value)

    @property
    def applications(self) -> Applications:
        return self.capability("applications")  # type: ignore[no-any-return]  # the assembly checks the Protocol

    @property
    def identity(self) -> Identity:
        return self.capability("identity")  # type: ignore[no-any-return]  # the assembly checks the Protocol

    @property
    def mail(self) -> Mail:
        return self.capability("mail")  # type: ignore[no-any-return]  # as above

    @property
    def logs(self) -> Logs:
        return self.capability("logs")  # type: ignore[no-any-return]  # as above

    @property
    def messenger(self) -> Messenger:
        return self.capability("messenger")  # type: ignore[no-any-return]  # as above

    @property
    def host(self) -> Host:
        return self.capability("host")  # type: ignore[no-any-return]  # as above

    @property
    def host_backup(self) -> HostBackup:
        return self.capability("host_backup")  # type: ignore[no-any-return]  # as above

    @property
    def backup(self) -> Backup:
        return self.capability("backup")  # type: ignore[no-any-return]  # as above

    @property
    def workspace_backup(self) -> WorkspaceBackup:
        return self.capability("workspace_backup")  # type: ignore[no-any-return]  # as above

    @property
    def cloud_identity(self) -> CloudIdentity:
        return self.capability("cloud_identity")  # type: ignore[no-any-return]  # as above

    @property
    def cloud(self) -> Cloud:
        return self.capability("cloud")  # type: ignore[no-any-return]  # as above

    @property
    def cloud_logs(self) -> CloudLogs:
        return self.capability("cloud_logs")  # type: ignore[no-any-return]  # as above

    @property
    def storage(self) -> Storage:
        return self.capability("storage")  # type: ignore[no-any-return]  # as above

    @property
    def dns(self) -> Dns:
        return self.capability("dns")  # type: ignore[no-any-return]  # as above

    @property
    def findings(self) -> Findings:
        return self.capability("findings")  # type: ignore[no-any-return]  # as above

    @property
    def credentials(self) -> Credentials:
        return self.capability("credentials")  # type: ignore[no-any-return]  # as above

    @property
    def secrets(self) -> Secrets:
        return self.capability("secrets")  # type: ignore[no-any-return]  # as above


class NoParams(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Output(BaseModel):
    """Base of read tasks' outputs. Journalled and shown: no secrets, and no bulk (that is evidence)."""

    model_config = ConfigDict(extra="forbid")


P = TypeVar("P", bound=BaseModel)
O = TypeVar("O", bound=BaseModel)  # noqa: E741  # O for output, beside P for parameters


class BaseTask(ABC, Generic[P]):
    """What every kind of task declares.

    Attributes:
        name: ``area.verb_noun``; file ``tasks/<area>/<verb_noun>.py``.
        needs: names of the capabilities it uses.
        permissions: what those calls need granted, for each vendor that may stand behind them.
        timeout: seconds one call of read/check/apply may take.
        Params: pydantic model of the ``with`` block; ``extra="forbid"``.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    permissions: ClassVar[tuple[Permission, ...]] = ()
    impact: ClassVar[Impact] = Impact.READ
    timeout: ClassVar[float] = 60.0
    Params: ClassVar[type[BaseModel]] = NoParams

    @classmethod
    def permissions_for(cls, given: Mapping[str, Any]) -> tuple[Permission, ...]:
        """What a step needs granted whose runbook gives these parameters, expressions as they are written. Those of the task, unless its
        parameters say which of them."""
        del given
        return cls.permissions

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring: what it does, for lists and forms."""
        return (cls.__doc__ or cls.name).strip().splitlines()[0]


class ReadTask(BaseTask[P], Generic[P, O]):
    """Observes; changes nothing at the tenant."""

    Output: ClassVar[type[BaseModel]]

    @abstractmethod
    async def read(self, ctx: Context, p: P) -> O: ...


class Task(BaseTask[P]):
    """Changes something at the tenant.

    ``impact`` must be set. Unless ``no_undo`` says why not, ``undo`` must be overridden. ``removes_foothold`` marks a task
    whose undo would give an attacker back what was taken: never part of a whole-run undo.
    """

    no_undo: ClassVar[str | None] = None
    removes_foothold: ClassVar[bool] = False
    timeout: ClassVar[float] = 10.0
    asks_again: ClassVar[bool] = False
    """Its effect cannot be looked up: what a person said about an earlier try says nothing about the next, so that ``guard``'s
    reasons are a question of their own each time."""
    patience: ClassVar[float] = 60.0
    """Seconds for which ``verify`` may go on seeing the old state before the step counts as not verified."""

    @abstractmethod
    async def check(self, ctx: Context, p: P) -> list[Change]:
        """What would have to change; ``[]`` means that it is so already. Reads only."""

    @abstractmethod
    async def apply(self, ctx: Context, p: P, changes: list[Change]) -> None:
        """Make exactly the listed changes. May be cancelled at any await; never retries a write that is in doubt."""

    async def verify(self, ctx: Context, p: P, changes: list[Change]) -> list[Change]:  # noqa: ARG002  # overriders use it
        """What is still not so after ``apply``; ``[]`` means verified. Called again until ``patience`` is over."""
        return await self.check(ctx, p)

    async def undo(self, ctx: Context, p: P, changes: list[Change]) -> None:
        """Put back the recorded ``before`` values. Repeatable; raises :class:`~tenantry.errors.Conflict` where the present
        value is neither what this run wrote nor what was before."""
        raise NotImplementedError(f"{self.name} declares no_undo = {self.no_undo!r}")

    async def verify_undone(self, ctx: Context, p: P, changes: list[Change]) -> bool:
        """Whether the undo is visible: by default, whether ``check`` would have to make all the changes again."""
        open_again = {c.path for c in await self.check(ctx, p)}
        return all(c.path in open_again for c in changes)

    async def guard(self, ctx: Context, p: P) -> list[str]:  # noqa: ARG002  # overriders use them
        """Reasons why a person must approve this target although the runbook does not demand it (privileged account,
        responder's own account, last way in). ``[]``: none."""
        return []


class Choice(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    value: str
    label: str


class HumanRequest(BaseModel):
    """What a person is asked.

    ``yes`` is what approving means and what a plan assumes; ``no`` is what denying means. ``silence`` is the answer that stands when
    nobody gave one in time; None: then the step fails, and the next attempt asks again.

    ``owner`` is whose turn it is where that is nobody with the role: a client's contact, by id. ``remind_after`` are times from the
    question on at which they are reminded, the last one being the escalation (`Surroundings.remind`). ``only`` are the people, by id, who
    alone may answer; they need the role as well.
    """

    model_config = ConfigDict(extra="forbid")

    question: str
    role: str = "engineer"
    yes: str = "yes"
    no: str = "no"
    expires_in: timedelta = timedelta(days=7)
    four_eyes: bool = False
    silence: str | None = None
    owner: str = ""
    remind_after: tuple[timedelta, ...] = ()
    only: tuple[str, ...] = ()


class HumanAnswer(Output):
    """A person's proven answer."""

    answer: str
    by: str
    at: datetime
    reason: str = ""

    @property
    def affirmative(self) -> bool:
        return self.answer == "yes"


class HumanTask(BaseTask[P]):
    """Asks a person. The engine holds the run until an authenticated person with the role has answered."""

    Output: ClassVar[type[BaseModel]] = HumanAnswer

    @abstractmethod
    def request(self, ctx: Context, p: P) -> HumanRequest: ...

    def accept(self, request: HumanRequest, answer: HumanAnswer) -> None:  # most answers are fine as they are
        """Refuse an answer that this task cannot take as success, by raising a StepError."""


def utc(value: datetime) -> datetime:
    """Aware, in UTC. A naive value is taken as UTC: vendors that omit the zone mean it."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

"""The contract of a check of the live sweep: one file in ``tasks/checks/<area>/<subject_rule>.py``, one test.

A check looks at one kind of *fact* and says what is wrong with it. Where facts come from is a *collector*'s business
(``tasks/checks/_collect``): an async generator over the tenant's capabilities that yields them one by one. Checks that name the same
collector share one reading, and facts pass through without being kept, so that a tenant of 20,000 users takes the memory of one of 20.

``evaluate`` is pure: no clock, no network, no file. What it may know besides the fact is the :class:`Look`. That a fact cannot be judged
is no pass: it raises :class:`~tenantry.errors.CannotCheck`, and the sweep reports it under ``could_not_check``.

What a vendor logs is judged by the detections in ``runbooks/detections`` and the statistics, the same for a live tenant and for exported
logs. A :class:`LogCheck` only says which of them answer its question, so that the list of what was checked is whole.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Generic, Protocol, TypeVar

from tenantry.sweep.model import Finding, Severity
from tenantry.task import Permission

__all__ = ["LEFT_OUT", "STATUSES", "BaseCheck", "Check", "Collector", "Giver", "Known", "LogCheck", "Look", "collector"]

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Known:
    """What belongs in this tenant, by its file: what is named here is no finding for being there. All in lower case.

    Attributes:
        domains: the client's own mail domains; an address elsewhere is outside.
        networks: of the client and the MSP, as CIDR.
        countries: where its people work, ISO 3166-1 alpha-2 (upper case).
        accounts: responders' and emergency accounts, by UPN or object id.
        emergency: those of them that are kept for emergencies.
        applications: application (client) ids, ours first.
        partners: tenant ids of partners, ours among them.
        cloud_accounts: AWS account ids that may be trusted.
        keys: SHA-256 fingerprints of SSH keys, as OpenSSH shows them without ``SHA256:`` (these keep their case).
        tools: names of remote-access tools that the MSP uses.
    """

    domains: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()
    emergency: frozenset[str] = frozenset()
    applications: frozenset[str] = frozenset()
    partners: frozenset[str] = frozenset()
    cloud_accounts: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()

    def inside(self, address: str) -> bool:
        """Whether a mail address is the client's own. One without a domain is."""
        domain = address.rpartition("@")[2].strip().lower()
        return "@" not in address or domain in self.domains


@dataclass(frozen=True, slots=True)
class Look:
    """What a check may know beside the fact.

    Attributes:
        now: when the sweep began; UTC.
        since: the beginning of the window in which something counts as new.
    """

    now: datetime
    since: datetime
    known: Known = field(default_factory=Known)

    def new(self, at: datetime | None) -> bool:
        """Whether a time lies in the window."""
        return at is not None and at >= self.since


class Giver(Protocol):
    """What a collector is given."""

    @property
    def look(self) -> Look: ...

    async def capability(self, name: str) -> Any:
        """The tenant's handle for a capability that the collector declares."""
        ...


@dataclass(frozen=True, eq=False)
class Collector(Generic[F]):
    """Where facts come from.

    Attributes:
        name: of the function that reads.
        needs: capabilities. A tenant without one of them has nothing to be checked there: not applicable.
        permissions: what reading takes, for each vendor that may stand behind the capabilities.
        log: the format of :data:`tenantry.sweep.sources.FORMATS` whose records these facts are; None: they are no log.
        first: it is asked first, because it takes longest: a vendor searches its log for minutes, or answers follow from answers.
        read: yields facts. May raise :class:`~tenantry.errors.ProviderError`: what came until then was looked at, and the rest is
            reported as not checked.
    """

    name: str
    needs: tuple[str, ...]
    permissions: tuple[Permission, ...]
    log: str | None
    first: bool
    read: Callable[[Giver], AsyncIterator[F]]


def collector(
    *needs: str, permissions: tuple[Permission, ...] = (), log: str | None = None, first: bool = False
) -> Callable[[Callable[[Giver], AsyncIterator[F]]], Collector[F]]:
    """Make an async generator function a :class:`Collector`."""

    def made(read: Callable[[Giver], AsyncIterator[F]]) -> Collector[F]:
        return Collector(read.__name__, needs, permissions, log, first, read)

    return made


class BaseCheck(ABC):
    """What every check declares.

    Attributes:
        name: ``checks.<area>.<stem>``, by its place.
        title: what is found, in words for the report.
        severity: of its findings; one may say another.
        attack: MITRE ATT&CK technique ids, the first the one it is scored by.
        remedy: what to do about it, in one or two sentences.
        collect: where its facts come from.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    severity: ClassVar[Severity]
    attack: ClassVar[tuple[str, ...]]
    remedy: ClassVar[str]
    collect: ClassVar[Collector[Any]]

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or cls.title).strip().splitlines()[0]


class Check(BaseCheck, Generic[F]):
    """Looks at facts that are no log: how the tenant stands now."""

    @abstractmethod
    def evaluate(self, fact: F, look: Look) -> Iterable[Finding]:
        """What is wrong with one fact; nothing: it passes.

        Raises:
            CannotCheck: the fact does not say (no licence, a part that could not be read).
        """

    @classmethod
    def finding(
        cls,
        entity: tuple[str, str],
        summary: str,
        *,
        at: datetime | None = None,
        severity: Severity | None = None,
        event_ids: Iterable[str] = (),
        **compared: Any,
    ) -> Finding:
        """A finding of this check.

        Args:
            entity: type and id: ``("account", "anna@…")``, ``("application", …)``, ``("host", …)``.
            summary: what was seen, in one sentence with the values that matter.
            at: when it came to be, as far as the vendor says; the sweep's own time when nobody does.
            compared: further values, JSON, for who doubts it. Never a secret.
        """
        found = Finding(
            cls.name, cls.title, severity or cls.severity, cls.attack, {"type": entity[0], "id": entity[1]}, cls.remedy
        )
        found.event_ids = list(dict.fromkeys(event_ids))
        found.count = 1
        if at is not None:
            found.first_seen = found.last_seen = at.timestamp()
        found.evidence = {"summary": summary, **({"compared": compared} if compared else {})}
        return found


class LogCheck(BaseCheck):
    """Names the detections and statistics that answer its question from a log.

    Attributes:
        rules: ids: a detection's file name without ``.yml``, or a statistical check's name.
    """

    rules: ClassVar[tuple[str, ...]]


LEFT_OUT: Final[Mapping[str, Any]] = {}
"""What a collector of a log gives in place of a record that is nobody's business, such as our own reading: it shows that the log is kept."""
STATUSES: Final = ("fail", "unknown", "accepted", "pass", "not_applicable")
"""How a check ended, the worst first. ``accepted``: all that it found somebody has accepted."""

"""The contract of a measure: one file in ``tasks/measures/<area>/<stem>.py``, one test.

A measure answers a question about how a client stands that no check of the sweep answers, or that takes more than a finding to say: it
reads (``collect``), and a pure ``evaluate`` says pass, fail, not applicable, for a person, or unknown, and why. Nothing that was not seen
is a pass: what could not be read is ``unknown``, what no system can tell is ``for_person``. A question that can be put to each host, account
or bucket by itself is a :class:`FactMeasure`, one about all facts of a reading together a :class:`WholeMeasure`: both share readings.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from tenantry.sweep.check import Collector, Giver, Look
from tenantry.task import Permission

__all__ = [
    "STATUSES",
    "BaseMeasure",
    "FactMeasure",
    "Measure",
    "NoParams",
    "Status",
    "Verdict",
    "WholeMeasure",
    "worst",
]

F = TypeVar("F")
Status = Literal["fail", "unknown", "for_person", "pass", "not_applicable"]
STATUSES: Final[tuple[Status, ...]] = ("fail", "unknown", "for_person", "pass", "not_applicable")
"""The worst first. Of several answers to one question the worst counts, and all stand in the result."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a measure came to.

    Attributes:
        why: one sentence, with the values that matter.
        about: whom it concerns (accounts, hosts …) where it fails, or who has to be asked about.
        looked_at: how many things it saw.
    """

    status: Status
    why: str
    about: tuple[str, ...] = ()
    looked_at: int = 0


class NoParams(BaseModel):
    """Of a measure that asks one question only."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BaseMeasure(ABC):
    """One question, or with ``Params`` a family of them: which values a setting may have stands in the baseline, not in code.

    Attributes:
        name: ``measures.<area>.<stem>``, by its place.
        Params: what a policy says beside the name; :class:`NoParams` where there is nothing to say.
        p: what this policy said.
        needs: capabilities that it cannot do without: a client who lacks one has nothing to be measured there.
        reads: collectors whose readings it uses; what they need and are granted counts as its own.
        permissions: what else reading takes.
    """

    name: ClassVar[str]
    Params: ClassVar[type[BaseModel]] = NoParams
    needs: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[Collector[Any], ...]] = ()
    permissions: ClassVar[tuple[Permission, ...]] = ()

    def __init__(self, p: Any = None) -> None:
        self.p: Any = self.Params() if p is None else p

    @classmethod
    def all_needs(cls) -> tuple[str, ...]:
        """Its own and its collectors'."""
        return tuple(dict.fromkeys((*cls.needs, *(need for source in cls.reads for need in source.needs))))

    @classmethod
    def all_permissions(cls) -> tuple[Permission, ...]:
        """Its own and its collectors'."""
        return (*cls.permissions, *(one for source in cls.reads for one in source.permissions))

    @classmethod
    def summary(cls) -> str:
        """The first line of the docstring."""
        return (cls.__doc__ or cls.name).strip().splitlines()[0]


class Measure(BaseMeasure, Generic[F]):
    """Reads what it is about by itself, and answers for all of it at once."""

    @abstractmethod
    async def collect(self, given: Giver) -> F:
        """Read what is judged. Raises as collectors do."""

    @abstractmethod
    def evaluate(self, facts: F, look: Look) -> Verdict:
        """Judge it; pure.

        Raises:
            CannotCheck: the facts do not say.
        """


class _OfOneReading(BaseMeasure):
    """Judges what a collector yields. All measures and checks that name the same collector share one reading.

    Attributes:
        source: where the facts come from.
    """

    source: ClassVar[Collector[Any]]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "source" in vars(cls):
            cls.reads = (cls.source,)


class WholeMeasure(_OfOneReading, Generic[F]):
    """Judges a reading's facts together, once it has come to its end: rules of which one has to be right, accounts that are counted."""

    def wants(self, fact: F, look: Look) -> bool:
        """Whether it takes this one to judge; the others are not kept."""
        del fact, look
        return True

    @abstractmethod
    def evaluate(self, facts: list[F], look: Look, seen: int) -> Verdict:
        """Judge them; pure.

        Args:
            facts: those that it wants, in the order in which they came.
            seen: how many there were in all.

        Raises:
            CannotCheck: the facts do not say.
        """


class FactMeasure(_OfOneReading, Generic[F]):
    """Puts its question to one fact after the other, and keeps none: for whatever a client has many of.

    Attributes:
        none_is_well: what it means where they were read to the end and there are none, for sources that yield what is amiss alone. Empty:
            there is nothing that the question could be put to, which is no pass.
    """

    none_is_well: ClassVar[str] = ""

    @abstractmethod
    def subject(self, fact: F) -> str:
        """What an answer calls it: a host's name, an address."""

    @abstractmethod
    def judge(self, fact: F, look: Look) -> Iterable[str] | None:
        """What is wrong with it, each in words; nothing: it is as it should be; None: the question is not about this one.

        Raises:
            CannotCheck: the fact does not say.
        """


def worst(statuses: Iterable[Status]) -> Status | None:
    """The one that counts; None: there is none."""
    return min(statuses, key=STATUSES.index, default=None)

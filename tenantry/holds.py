"""Legal holds: what must not be deleted, whoever asks. Those of the client's file (``legal_holds``) and those set here, in the record.

A hold that is set by command is an entry of the client's tree, and so is its lifting: who, when, why. Neither can be lost quietly: where the
content of such an entry was erased, a hold stands of which nothing more is known.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from tenantry.errors import InvalidInput, NotFound, Refused
from tenantry.journal import Event, Journal
from tenantry.tenants import Tenant

__all__ = ["LIFTED", "SET", "Hold", "in_force", "lift", "put", "refuse_under_hold"]

SET: Final = "hold.set"
LIFTED: Final = "hold.lifted"
_LONGEST: Final = 1_000


@dataclass(frozen=True, slots=True)
class Hold:
    """One that stands.

    Attributes:
        id: by which it is lifted; one of the file is lifted there, by its ``released_on``.
        source: ``file`` or ``record``.
        by: who set it, as the record has it; empty for one of the file.
        since: a day or a time, ISO 8601.
    """

    id: str
    matter: str
    scope: str
    since: str
    source: str
    by: str = ""
    reason: str = ""

    def as_dict(self) -> dict[str, Any]:
        """JSON shape, for lists."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def in_force(journal: Journal, tenant: Tenant, today: date) -> tuple[Hold, ...]:
    """Every hold that stands, those of the file first.

    Args:
        today: a hold whose ``released_on`` is later still stands.
    """
    found = [
        Hold(f"file-{number}", one.matter, one.scope, one.since.isoformat(), "file")
        for number, one in enumerate(tenant.legal_holds, 1)
        if one.released_on is None or one.released_on > today
    ]
    standing: dict[str, Hold] = {}
    for record in journal.of(tenant.name, SET, LIFTED):
        if record.event == LIFTED:
            standing.pop(str(record.data.get("hold")), None)
            continue
        said = record.data
        hold = str(said.get("hold") or f"entry-{record.entry.seq}")
        standing[hold] = Hold(
            hold,
            str(said.get("matter", "not known: the content of its entry was erased")),
            str(said.get("scope", "everything")),
            str(record.entry.fields["ts"]),
            "record",
            str(said.get("by", "")),
            str(said.get("reason", "")),
        )
    return (*found, *standing.values())


def put(journal: Journal, tenant: str, *, matter: str, scope: str, reason: str, by: str) -> str:
    """Set a hold; its id. Raises InvalidInput for an empty or endless text."""
    for place, text in (("--matter", matter), ("--scope", scope), ("--reason", reason)):
        if not 0 < len(text.strip()) <= _LONGEST:
            raise InvalidInput(f"is a text of at most {_LONGEST} characters", place=place)
    hold = secrets.token_hex(4)
    said = {"hold": hold, "matter": matter.strip(), "scope": scope.strip(), "reason": reason.strip(), "by": by}
    journal.append(tenant, [Event(SET, said)])
    return hold


def lift(journal: Journal, tenant: Tenant, hold: str, *, reason: str, by: str, today: date) -> Hold:
    """Lift a hold that was set by command.

    Raises:
        NotFound: none of this id stands. InvalidInput: it stands in the client's file, and is lifted there; or no reason.
    """
    if not 0 < len(reason.strip()) <= _LONGEST:
        raise InvalidInput(f"is a text of at most {_LONGEST} characters", place="--reason")
    found = next((one for one in in_force(journal, tenant, today) if one.id == hold), None)
    if found is None:
        raise NotFound(f"{tenant.name} has no hold {hold}", remedy=f"`tenantry holds list {tenant.name}` shows them.")
    if found.source == "file":
        raise InvalidInput(
            f"{hold} stands in tenants/{tenant.name}.yaml",
            place="HOLD",
            remedy="Write its released_on there, on the day on which it ends.",
        )
    journal.append(tenant.name, [Event(LIFTED, {"hold": hold, "reason": reason.strip(), "by": by})])
    return found


def refuse_under_hold(holds: tuple[Hold, ...]) -> None:
    """Raises Refused, naming who set what, when there is one."""
    if holds:
        said = "; ".join(
            f"{one.matter} ({one.scope}, since {one.since[:10]}{f', set by {one.by}' if one.by else ''})"
            for one in holds
        )
        raise Refused(
            f"a legal hold stands: {said}",
            remedy="Nothing is deleted while it does. Whoever set it lifts it: `tenantry holds lift`, or in the client's file.",
        )

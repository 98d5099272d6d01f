"""An alert as every source gives it: the fields of OCSF's Detection Finding that decisions are made on.

What an attacker can write (titles, names of accounts and hosts) is cleaned here and bounded, and is text ever after. The source's own
words are kept beside it, untouched, as evidence. https://schema.ocsf.io/classes/detection_finding
"""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from tenantry.sweep.model import SEVERITIES

__all__ = ["ENTITY_TYPES", "MAX_ENTITIES", "Alert", "Entity", "alert_id", "clean", "fingerprint"]

ENTITY_TYPES: Final = (
    "account",
    "host",
    "access_key",
    "application",
    "mailbox",
    "instance",
    "bucket",
    "address",
    "flow_run",
    "other",
)
"""What an alert can be about, in the words of the sweep's findings."""
MAX_ENTITIES: Final = 20
_OCSF_SEVERITY: Final = {"info": 1, "low": 2, "medium": 3, "high": 4, "critical": 5}
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SCHEMA: Final = "1.3.0"

_Short = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Entity(BaseModel):
    """Who or what an alert is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    type: Annotated[str, Field(pattern="^(" + "|".join(ENTITY_TYPES) + ")$")]
    id: _Short

    def key(self) -> str:
        """The same for the same thing: sources write capitals as they like."""
        return f"{self.type}:{self.id.casefold()}"


class Alert(BaseModel):
    """One alert, normalised.

    Attributes:
        uid: the source's own id of this message, its revision included; a second one with it is the same message.
        finding: the source's own id of what was found; several messages may tell of it.
        severity: info, low, medium, high or critical.
        types: the source's names of this kind of finding.
        attacks: ATT&CK techniques.
        customer: what the client is called there (directory, account, organisation …); None where the source is one client's own.
        at: when it happened, as the source says. Nothing is decided by it.
        same: what makes two alerts the same one, besides source and client; times and ids of messages are not in it.
        resolved: the source says that it is over, or was none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    uid: _Short
    finding: _Short
    title: _Short
    desc: Annotated[str, StringConstraints(max_length=4_000)] = ""
    severity: Annotated[str, Field(pattern="^(" + "|".join(SEVERITIES) + ")$")]
    types: Annotated[tuple[_Short, ...], Field(max_length=20)] = ()
    attacks: Annotated[tuple[Annotated[str, Field(pattern=r"^T\d{4}(?:\.\d{3})?$")], ...], Field(max_length=50)] = ()
    entities: Annotated[tuple[Entity, ...], Field(max_length=MAX_ENTITIES)] = ()
    customer: _Short | None = None
    at: AwareDatetime | None = None
    product: _Short
    same: Annotated[tuple[str, ...], Field(max_length=20)]
    resolved: bool = False

    def ocsf(self, received: datetime, uid: str) -> dict[str, Any]:
        """As an OCSF Detection Finding (2004).

        Args:
            received: when it was accepted.
            uid: our own id of it.
        """
        info: dict[str, Any] = {"uid": self.finding, "title": self.title, "types": list(self.types)}
        if self.desc:
            info["desc"] = self.desc
        if self.at is not None:
            info["created_time"] = _ms(self.at)
        if self.attacks:
            info["attacks"] = [{"technique": {"uid": one}, "version": "16.1"} for one in self.attacks]
        return {
            "activity_id": 3 if self.resolved else 1,
            "category_uid": 2,
            "class_uid": 2004,
            "type_uid": 200_403 if self.resolved else 200_401,
            "time": _ms(self.at or received),
            "severity_id": _OCSF_SEVERITY[self.severity],
            "finding_info": info,
            "resources": [{"type": entity.type, "uid": entity.id} for entity in self.entities],
            "metadata": {
                "version": _SCHEMA,
                "uid": uid,
                "logged_time": _ms(received),
                "product": {"vendor_name": self.product, "name": self.product},
            },
            "unmapped": {"source_uid": self.uid},
        }


def alert_id(source: str, uid: str) -> str:
    """Our own id of an alert: it follows from the source and its id, so a message that comes twice is one alert."""
    return hashlib.sha256(f"{source}\0{uid}".encode()).hexdigest()[:32]


def fingerprint(source: str, tenant: str, alert: Alert) -> bytes:
    """What is the same for alerts that tell the same again."""
    parts = (source, tenant, *alert.same, *sorted(entity.key() for entity in alert.entities))
    return hashlib.sha256("\0".join(parts).encode()).digest()


def clean(text: str, most: int) -> str:
    """Text from outside, for people: composed (NFC), without what is invisible or turns the direction of reading, one line, bounded."""
    # Cut first: to compose takes time that grows with the text, and nobody reads more.
    composed = unicodedata.normalize("NFC", text[: most * 4])
    seen = "".join(one if unicodedata.category(one) not in _HIDDEN else " " for one in composed)
    return " ".join(seen.split())[:most].rstrip()


def _ms(at: datetime) -> int:
    return round(at.astimezone(UTC).timestamp() * 1_000)

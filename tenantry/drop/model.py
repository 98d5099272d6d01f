"""What a drop is: who is to hand over what, until when, and how it stands. Nothing here is secret."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, Self, get_args

from pydantic import SecretStr

from tenantry.clock import rfc3339
from tenantry.errors import InvalidInput
from tenantry.names import OWN_SECRETS, check_secret_name

__all__ = [
    "KINDS",
    "LONGEST_LIFE",
    "MAX_EXPECTED",
    "Drop",
    "Expected",
    "Kind",
    "Made",
    "Method",
    "Question",
    "Received",
    "Status",
    "check_value",
]

Kind = Literal["password", "text", "file"]
"""``password``: one line, hidden while it is typed. ``text``: several lines, a key in PEM say. ``file``: any bytes."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
Method = Literal["totp", "pin"]
"""``totp``: the contact's own one-time code. ``pin``: a number that an engineer tells them on a known telephone number."""
Status = Literal["open", "completed", "expired", "withdrawn", "locked"]
"""``locked``: the PIN was guessed at too often."""

MAX_EXPECTED: Final = 32
LONGEST_LIFE: Final = timedelta(days=14)
_LONGEST_TITLE: Final = 120


@dataclass(frozen=True, slots=True)
class Expected:
    """One credential that is to be handed over.

    Attributes:
        name: under which it will lie in the tenant's vault.
        title: as the contact reads it; the name when empty.
    """

    name: str
    kind: Kind = "password"
    title: str = ""

    def __post_init__(self) -> None:
        check_secret_name(self.name)
        if self.name.startswith(OWN_SECRETS):
            raise InvalidInput("names that begin so are the platform's own", place="NAME")
        if self.kind not in KINDS:
            raise InvalidInput(f"a kind is one of {', '.join(KINDS)}", place="KIND")
        if len(self.title) > _LONGEST_TITLE or not all(_printable(c) for c in self.title):
            raise InvalidInput(f"a title is one line of at most {_LONGEST_TITLE} printable characters", place="TITLE")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``NAME[:KIND[:TITLE]]``.

        Raises:
            InvalidInput: for anything else.
        """
        name, _, rest = text.partition(":")
        kind, _, title = rest.partition(":")
        chosen = next((known for known in KINDS if known == (kind or "password")), None)
        if chosen is None:
            raise InvalidInput(f"a kind is one of {', '.join(KINDS)}", place="--expect")
        return cls(name, chosen, title.strip())

    @property
    def shown(self) -> str:
        return self.title or self.name


@dataclass(frozen=True, slots=True)
class Received:
    """One credential of a drop, and when it came."""

    expected: Expected
    at: datetime | None = None
    version: int | None = None
    """In the vault."""


@dataclass(frozen=True, slots=True)
class Question:
    """The open question of a run that a drop answers when its last credential is there."""

    run: str
    step: str
    item: str | None
    digest: str
    attempt: int
    flow: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Drop:
    """One drop.

    Attributes:
        contact: id of the client's contact.
        public: the key that values are sealed to, an uncompressed point of P-256.
        ended_at: when it was completed or otherwise ended.
    """

    id: str
    tenant: str
    contact: str
    method: Method
    status: Status
    made_at: datetime
    expires_at: datetime
    public: bytes
    credentials: tuple[Received, ...]
    question: Question | None = None
    ended_at: datetime | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Names that have not come."""
        return tuple(one.expected.name for one in self.credentials if one.at is None)

    def as_dict(self) -> dict[str, Any]:
        """JSON shape, for lists."""
        return {
            "drop": self.id,
            "tenant": self.tenant,
            "contact": self.contact,
            "method": self.method,
            "status": self.status,
            "made_at": rfc3339(self.made_at),
            "expires_at": rfc3339(self.expires_at),
            "ended_at": rfc3339(self.ended_at) if self.ended_at else None,
            "run": self.question.run if self.question else None,
            "step": self.question.step if self.question else None,
            "credentials": [
                {
                    "name": one.expected.name,
                    "kind": one.expected.kind,
                    "title": one.expected.title,
                    "received_at": rfc3339(one.at) if one.at else None,
                    "version": one.version,
                }
                for one in self.credentials
            ],
        }


@dataclass(frozen=True, slots=True)
class Made:
    """A new drop and what is told once: the token of its link, and the PIN where the contact has no code of their own."""

    drop: Drop
    token: SecretStr
    pin: SecretStr | None


def check_value(kind: Kind, value: bytes) -> None:
    """Refuse what cannot be what was asked for. The value is not repeated.

    Raises:
        InvalidInput: text that is none, or holds control characters (a line break in a password is a slip of the paste).
    """
    if kind == "file":
        return
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    allowed = "\n\r\t" if kind == "text" else ""
    if not all(c in allowed or unicodedata.category(c) != "Cc" for c in text):
        raise InvalidInput("it holds control characters", place="value", remedy="Copy it again, without line breaks.")


def _printable(c: str) -> bool:
    return unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}

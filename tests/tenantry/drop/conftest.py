"""A home with two clients, a clock to set, and drops in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyotp
import pytest

from tenantry.contacts import Contacts
from tenantry.drop import Drops, Expected, Made, Question
from tenantry.drop.seal import seal
from tenantry.home import Home
from tenantry.journal import Event, Journal
from tenantry.vault import Vault

BY = {"person": "ann", "proven": True}
SHOWN = {"msp": "Northern MSP", "client": "Acme Ltd", "contact": "Jo Doe"}
TWO = (Expected("m365/secret", "password", "Secret of the app"), Expected("vpn/cert", "file"))


class Box:
    """What the MSP and a contact do with drops. ``reopen`` is what a kill leaves: the files."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.now = datetime(2026, 11, 21, 12, 0, 5, tzinfo=UTC)
        self.phones: dict[str, pyotp.TOTP] = {}
        self.reopen()
        for tenant in ("acme", "beta"):
            self.vault.create_tenant_key(tenant)

    def clock(self) -> datetime:
        return self.now

    def reopen(self) -> None:
        self.vault = Vault.open(self.home, clock=self.clock)
        self.journal = Journal(f"sqlite:///{self.home.journal_db}", lambda name: self.vault.subkey(name, "journal"))
        self.contacts = Contacts(self.home, self.vault, self._tell, self.clock)
        self.drops = Drops(self.home, self.vault, self.journal, self.contacts, self.clock)

    def _tell(self, tenant: str, event: str, payload: dict[str, Any]) -> None:
        self.journal.append(tenant, [Event(event, payload)])

    def close(self) -> None:
        for part in (self.drops, self.contacts, self.journal, self.vault):
            part.close()

    def later(self, **parts: float) -> None:
        self.now += timedelta(**parts)

    def enroll(self, contact: str = "jo", tenant: str = "acme") -> None:
        made = self.contacts.enroll(tenant, contact, by=BY)
        phone = pyotp.parse_uri(made.otpauth_uri.get_secret_value())
        assert isinstance(phone, pyotp.TOTP)
        self.phones[contact] = phone

    def code(self, contact: str = "jo", steps: int = 0) -> str:
        return self.phones[contact].at(self.now, counter_offset=steps)

    def make(self, *expected: Expected, tenant: str = "acme", **more: Any) -> Made:
        given: dict[str, Any] = {"life": timedelta(hours=4), "shown": SHOWN, "by": BY, **more}
        return self.drops.make(tenant, "jo", expected or TWO, **given)

    def prove(self, made: Made) -> str:
        """The session that the right PIN gives."""
        assert made.pin is not None
        found = self.drops.verify(made.drop.id, made.token.get_secret_value(), made.pin)
        return str(found["session"])

    def sealed(self, made: Made, place: int, value: bytes) -> bytes:
        wanted = made.drop.credentials[place].expected
        return seal(value, made.drop.public, made.drop.id, wanted.name)

    def hand(self, made: Made, session: str, place: int, value: bytes) -> dict[str, Any]:
        return self.drops.take(made.drop.id, session, place, self.sealed(made, place, value))

    def events(self, name: str, tenant: str = "acme") -> list[dict[str, Any]]:
        return [dict(record.data) for record in self.journal.tail(tenant) if record.event == name]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(Home(tmp_path / "home").ensure())
    yield made
    made.close()


QUESTION = Question("run-1", "credentials", None, "d" * 64, 1, ("onboarding", "1"))

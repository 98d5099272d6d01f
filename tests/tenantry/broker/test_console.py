"""What the process that faces the network gets from the broker: four answers about drops, and nothing else at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from tenantry.broker import BrokeredVault, ConsoleHand, Limits, Supervisor
from tenantry.broker.client import Connection
from tenantry.broker.limit import Rate
from tenantry.contacts import Contacts
from tenantry.drop import Drops, Expected, Made
from tenantry.drop.seal import seal
from tenantry.errors import (
    BrokerUnavailable,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OutOfScope,
    RateLimited,
)
from tenantry.journal import Journal
from tenantry.vault import Vault
from tests.tenantry.broker.conftest import Place
from tests.tenantry.drop.conftest import SHOWN

RUN = "3f2a91c0-0000-4000-8000-000000000001"


def make(place: Place, *expected: Expected, life: timedelta = timedelta(hours=1)) -> Made:
    """As the command line does, beside the broker."""
    with Vault.open(place.home) as vault:
        journal = Journal(f"sqlite:///{place.home.journal_db}", lambda name: vault.subkey(name, "journal"))
        contacts = Contacts(place.home, vault, lambda *_: None)
        drops = Drops(place.home, vault, journal, contacts)
        try:
            return drops.make("acme", "jo", expected or (Expected("cert"),), life=life, shown=SHOWN, by={})
        finally:
            drops.close()
            contacts.close()
            journal.close()


@contextmanager
def console(hand: Supervisor, place: Place, patience: float = 5.0) -> Iterator[ConsoleHand]:
    made = ConsoleHand(place.home.broker_socket, hand.grant_console(pid=os.getpid()), patience=patience)
    try:
        yield made
    finally:
        made.close()


def prove(front: ConsoleHand, made: Made) -> SecretStr:
    assert made.pin is not None
    return SecretStr(front.verify(made.drop.id, made.token, made.pin)["session"])


def test_the_way_of_a_value_into_the_vault(place: Place) -> None:
    made = make(place)
    with place.serving() as hand, console(hand, place) as front:
        assert front.look(made.drop.id, made.token)["client"] == "Acme Ltd"
        session = prove(front, made)
        state = front.state(made.drop.id, session)
        assert state["public"] == made.drop.public
        sealed = seal(b"\0value", state["public"], made.drop.id, "cert")
        with pytest.raises(InvalidInput):  # a password has no zeros
            front.take(made.drop.id, session, 0, sealed)
        sealed = seal(b"value", state["public"], made.drop.id, "cert")
        assert front.take(made.drop.id, session, 0, sealed) == {"received": True, "ended": True}
        with pytest.raises(NotFound):
            front.look(made.drop.id, SecretStr("x"))
    with Vault.open(place.home) as vault:
        assert vault.get("acme", "cert").get_secret_value() == b"value"
    assert [event["name"] for event in place.events("acme", "drop.received")] == ["cert"]
    refused = place.events("_msp", "vault.refused")
    assert [event["op"] for event in refused] == ["drop.take", "drop.look"]
    assert "wanted" in refused[0]


@pytest.mark.parametrize(
    ("op", "what"),
    [
        ("get", {"tenant": "acme", "name": "m365/secret", "version": None}),
        ("resolve", {"ref": "vault:acme/m365/secret"}),
        ("subkey", {"tenant": "acme", "purpose": "journal"}),
        ("authenticate", {"person": "ann", "code": "", "purpose": "x", "tenant": "acme", "role": None}),
        ("grant", {"role": "run", "run": RUN, "tenant": "acme"}),
        ("get_or_create", {"tenant": "acme", "name": "x", "value": "eA==", "kind": "x"}),
        ("checkpoint", {"tenant": "acme"}),
        ("info", {}),
    ],
)
def test_there_is_nothing_else_for_it(place: Place, op: str, what: dict[str, Any]) -> None:
    with place.serving() as hand:
        connection = Connection(place.home.broker_socket, hand.grant_console(pid=os.getpid()), 0.0)
        with pytest.raises(OutOfScope):
            connection.ask(op, **what)
        connection.close()


def test_a_run_gets_neither_the_keys_of_drops_nor_the_codes_of_contacts(place: Place) -> None:
    made = make(place)
    name = f"drops/{made.drop.id}/key"
    with place.serving() as hand:
        token = hand.grant(RUN, "acme", pid=os.getpid())
        with BrokeredVault(place.home.broker_socket, token, patience=0.0) as vault:
            for wanted in (name, "contacts/jo/totp"):
                with pytest.raises(OutOfScope):
                    vault.get("acme", wanted)
                with pytest.raises(OutOfScope):
                    vault.resolve(f"vault:acme/{wanted}", for_tenant="acme")
                with pytest.raises(OutOfScope):
                    vault.get_or_create("acme", wanted, lambda: SecretStr("mine"))
        connection = Connection(place.home.broker_socket, token, 0.0)
        with pytest.raises(OutOfScope):
            connection.ask("drop.look", drop=made.drop.id, token=made.token.get_secret_value())
        connection.close()


def test_its_token_is_of_no_use_to_another_process(place: Place) -> None:
    made = make(place)
    with place.serving() as hand, subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        front = ConsoleHand(place.home.broker_socket, hand.grant_console(pid=other.pid), patience=0.0)
        with pytest.raises(NotAuthenticated):
            front.look(made.drop.id, made.token)
        front.close()


def test_it_may_not_ask_without_end(place: Place) -> None:
    made = make(place)
    limits = Limits(console=Rate(burst=3, per_second=0.01))
    with place.serving(limits) as hand, console(hand, place, 0.0) as front:
        for _ in range(3):
            front.look(made.drop.id, made.token)
        with pytest.raises(RateLimited):
            front.look(made.drop.id, made.token)


@pytest.mark.parametrize(
    ("op", "what"),
    [
        ("drop.look", {}),
        ("drop.look", {"drop": 1, "token": "x"}),
        ("drop.verify", {"drop": "x", "token": "x", "code": "###"}),
        ("drop.state", {"drop": ["x"], "session": "x"}),
        ("drop.take", {"drop": "x", "session": "x", "place": "0", "sealed": ""}),
        ("drop.take", {"drop": "x", "session": None, "place": 0, "sealed": 5}),
    ],
)
def test_malformed_questions_are_refused_and_it_goes_on(place: Place, op: str, what: dict[str, Any]) -> None:
    made = make(place)
    with place.serving() as hand:
        connection = Connection(place.home.broker_socket, hand.grant_console(pid=os.getpid()), 0.0)
        with pytest.raises(InvalidInput):
            connection.ask(op, **what)
        assert connection.ask("drop.look", drop=made.drop.id, token=made.token.get_secret_value())["status"] == "open"
        connection.close()


def test_a_broker_that_is_away_is_said_to_be(place: Place) -> None:
    front = ConsoleHand(place.home.broker_socket, SecretStr("x"), patience=0.0)
    with pytest.raises(BrokerUnavailable):
        front.look("x", SecretStr("x"))
    front.close()

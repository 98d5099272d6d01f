"""The broker: a secret to one run for one tenant; every read and refusal in the record, and nothing else gets anything."""

from __future__ import annotations

import inspect
import os
import socket
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import pyotp
import pytest
from pydantic import SecretStr

from tenantry.broker import Broker, BrokeredPeople, BrokeredVault, Limits
from tenantry.broker.limit import Rate
from tenantry.errors import (
    BrokerUnavailable,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    OutOfScope,
    RateLimited,
    RecordError,
)
from tenantry.journal import MSP, Event, Journal
from tenantry.people import People
from tenantry.vault import Vault
from tests.tenantry.broker.conftest import SECRETS, SUPERVISOR, Place

RUN = "3f2a91c0-0000-4000-8000-000000000001"


def child(place: Place, token: SecretStr, patience: float = 0.0) -> BrokeredVault:
    return BrokeredVault(place.home.broker_socket, token, patience=patience)


def mine(place: Place, token: SecretStr) -> BrokeredVault:
    return child(place, token, patience=5.0)


def test_a_run_gets_its_own_tenants_secret_and_that_is_recorded(place: Place) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme", pid=os.getpid())) as vault:
        value = vault.resolve("vault:acme/m365/secret", for_tenant="acme", purpose="sign-in")
        assert value.get_secret_value() == SECRETS["acme"].encode()
        assert vault.get_text("acme", "m365/secret").get_secret_value() == SECRETS["acme"]
    reads = place.events("acme", "vault.read")
    assert [(r["name"], r["purpose"], r["run"], r["pid"]) for r in reads] == [
        ("m365/secret", "sign-in", RUN, os.getpid()),
        ("m365/secret", "", RUN, os.getpid()),
    ]
    [granted] = place.events("acme", "vault.granted")
    assert granted["run"] == RUN
    assert granted["grant"] == reads[0]["grant"]
    assert place.events("beta", "vault.read") == []


@pytest.mark.parametrize("claimed", ["acme", "beta"])
def test_another_tenants_secret_is_refused_and_recorded(place: Place, claimed: str) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        with pytest.raises(OutOfScope):
            vault.resolve("vault:beta/m365/secret", for_tenant=claimed, purpose="sign-in")
        with pytest.raises(OutOfScope):
            vault.get("beta", "m365/secret")
        with pytest.raises(OutOfScope):
            vault.subkey("beta", "journal")
        with pytest.raises(OutOfScope):
            vault.get_or_create("beta", "new", lambda: SecretStr("x" * 20))
    assert place.events("beta", "vault.read") == []
    assert place.events("beta", "vault.refused") == []
    assert {r["op"] for r in place.events("acme", "vault.refused")} == {"resolve", "get", "subkey", "get_or_create"}
    # Whose it was stands in the estate's own tree: a client's record shows nothing of another's.
    assert "beta" not in str([record.data for record in place.tail("acme")])
    refused = place.events(MSP, "vault.refused")
    assert refused[0]["wanted"]["ref"] == "vault:beta/m365/secret"
    assert (refused[0]["run"], refused[0]["tenant"], refused[0]["why"]) == (RUN, "acme", "out_of_scope")


def test_a_run_is_told_how_many_secrets_its_own_tenant_has_and_no_names(place: Place) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        with Vault.open(place.home) as own:
            wanted = (len(own.list("acme")), own.store_of("acme"), True)
        assert (vault.held("acme"), vault.store_of("acme"), vault.has_key("acme")) == wanted
        for ask in (vault.held, vault.store_of, vault.has_key):
            with pytest.raises(OutOfScope):
                ask("beta")
        with pytest.raises(OutOfScope):
            vault.list("acme")


def test_the_estates_secrets_only_where_estate_yaml_and_the_clients_file_give_them(place: Place) -> None:
    for name, handles in (("acme", "estate_handles: {psa: Acme}\n"), ("beta", "")):
        file = place.home.tenants / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"name: {name}\ndisplay_name: {name}\n{handles}", encoding="utf-8")
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        for claim in (False, True):
            with pytest.raises(OutOfScope):
                vault.resolve("vault:_msp/psa/token", for_tenant="acme", estate_provider=claim)
        place.home.estate.write_text(
            'providers:\n  psa:\n    vendor: sink\n    secrets: {token: "vault:_msp/psa/token"}\n', encoding="utf-8"
        )
        with pytest.raises(OutOfScope):
            vault.resolve("vault:_msp/psa/token", for_tenant="acme")
        value = vault.resolve("vault:_msp/psa/token", for_tenant="acme", estate_provider=True)
        assert value.get_secret_value() == b"canary-of-the-estate"
        with pytest.raises(OutOfScope):
            vault.resolve("vault:_msp/people/ann/totp", for_tenant="acme", estate_provider=True)
        with mine(place, hand.grant(RUN, "beta")) as other, pytest.raises(OutOfScope):
            other.resolve("vault:_msp/psa/token", for_tenant="beta", estate_provider=True)


def test_the_partner_tenant_opens_to_the_run_by_which_a_client_with_a_directory_leaves(place: Place) -> None:
    directory = "providers: {m365: {vendor: microsoft365, settings: {tenant_id: t}}}\n"
    for name, more in (("acme", directory), ("beta", "")):
        file = place.home.tenants / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"name: {name}\ndisplay_name: {name}\n{more}", encoding="utf-8")
    partner, psa = '{vendor: microsoft365, secrets: {client_secret: "vault:_msp/partner"}}', "vault:_msp/psa/token"
    place.home.estate.write_text(
        f'providers:\n  partner: {partner}\n  psa: {{vendor: sink, secrets: {{token: "{psa}"}}}}\n', encoding="utf-8"
    )
    with Vault.open(place.home) as vault:
        vault.put("_msp", "partner", "canary-of-the-partner")
        journal = Journal(f"sqlite:///{place.home.journal_db}", lambda name: vault.subkey(name, "journal"))
        for run, tenant, runbook in (("r-leaves", "acme", "client_offboarding"), ("r-plain", "acme", "plain")):
            journal.append(tenant, [Event("run.created", {}, run, flow=(runbook, "1"))])
        journal.append("beta", [Event("run.created", {}, "r-beta", flow=("client_offboarding", "1"))])
        journal.close()
    with place.serving() as hand:
        with mine(place, hand.grant("r-leaves", "acme")) as vault:
            value = vault.resolve("vault:_msp/partner", for_tenant="acme", estate_provider=True)
            assert value.get_secret_value() == b"canary-of-the-partner"
            with pytest.raises(OutOfScope):  # nothing else of the estate's comes with it
                vault.resolve(psa, for_tenant="acme", estate_provider=True)
        for run, tenant in (("r-plain", "acme"), ("r-lea", "acme"), ("r-leaves", "beta"), ("r-beta", "beta")):
            with mine(place, hand.grant(run, tenant)) as other, pytest.raises(OutOfScope):
                other.resolve("vault:_msp/partner", for_tenant=tenant, estate_provider=True)


def test_no_key_but_those_of_record_and_evidence_leaves(place: Place) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        with Vault.open(place.home) as own:
            assert vault.subkey("acme", "journal") == own.subkey("acme", "journal")
            assert vault.subkey("acme", "evidence") == own.subkey("acme", "evidence")
        for purpose in ("broker", "vault", "backup"):
            with pytest.raises(OutOfScope):
                vault.subkey("acme", purpose)
        with pytest.raises(OutOfScope):
            hand.subkey(MSP, "broker")
    assert [r["purpose"] for r in place.events("acme", "vault.key")] == ["journal", "evidence"]


def test_a_run_appends_to_its_record_without_the_estates_key(place: Place) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        journal = Journal(f"sqlite:///{place.home.journal_db}", lambda name: vault.subkey(name, "journal"))
        journal.append("acme", [Event("note", {"text": "from the child"}, RUN)])
        with pytest.raises(OutOfScope):
            journal.append(MSP, [Event("note", {"text": "in the estate's record"})])
        with pytest.raises(OutOfScope):
            journal.tail("beta")
        journal.close()
    assert place.events("acme", "note") == [{"text": "from the child"}]


def test_a_password_is_made_once(place: Place) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        first = vault.get_or_create("acme", "reset/ann", lambda: SecretStr("made-first-0123456789"), kind="password")
        again = vault.get_or_create("acme", "reset/ann", lambda: SecretStr("made-again-0123456789"), kind="password")
    assert first.get_secret_value() == again.get_secret_value() == "made-first-0123456789"
    assert [r["name"] for r in place.events("acme", "vault.made")] == ["reset/ann"]
    assert len(place.events("acme", "vault.read")) == 2


def test_too_fast_is_refused_and_recorded(place: Place) -> None:
    limits = Limits(run=Rate(burst=3, per_second=0.001))
    with place.serving(limits) as hand:
        with child(place, hand.grant(RUN, "acme")) as vault:
            for _ in range(3):
                vault.get("acme", "m365/secret")
            with pytest.raises(RateLimited) as caught:
                vault.get("acme", "m365/secret")
            assert caught.value.retry_after > 100
            for _ in range(4):
                with pytest.raises(RateLimited):
                    vault.get("acme", "m365/secret")
            vault.subkey("acme", "journal")  # the record goes on
        with child(place, hand.grant("another-run", "acme")) as other:
            other.get("acme", "m365/secret")
        assert hand.info()["throttled"] == 5
    assert len(place.events("acme", "vault.read")) == 4
    refused = place.events("acme", "vault.refused")
    assert refused[0]["why"] == "rate_limited"
    assert sum(1 + r.get("again", 0) - ("again" in r) for r in refused) == 5  # the first, and those counted after it


def test_one_tenants_runs_share_a_limit(place: Place) -> None:
    limits = Limits(tenant=Rate(burst=2, per_second=0.001))
    with place.serving(limits) as hand:
        for run in ("run-1", "run-2"):
            with child(place, hand.grant(run, "acme")) as vault:
                vault.get("acme", "m365/secret")
        with child(place, hand.grant("run-3", "acme")) as vault, pytest.raises(RateLimited):
            vault.get("acme", "m365/secret")
        with child(place, hand.grant("run-4", "beta")) as vault:
            vault.get("beta", "m365/secret")


def test_a_client_keeps_to_the_rate(place: Place) -> None:
    with place.serving(Limits(run=Rate(burst=1, per_second=50))) as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        for _ in range(4):
            vault.get("acme", "m365/secret")


def test_a_token_that_is_refused_too_often_is_of_no_use(place: Place) -> None:
    with place.serving(Limits(refusals=3)) as hand, child(place, hand.grant(RUN, "acme")) as vault:
        for _ in range(3):
            with pytest.raises(OutOfScope):
                vault.get("beta", "m365/secret")
        with pytest.raises(NotAuthenticated):
            vault.get("acme", "m365/secret")
    assert [r["why"] for r in place.events("acme", "vault.revoked")] == ["refused too often"]


@pytest.mark.parametrize("token", ["", "x", "a.b", "e30.e30", "s" * 42])
def test_a_forged_token(place: Place, token: str) -> None:
    with place.serving(), child(place, SecretStr(token)) as vault, pytest.raises(NotAuthenticated):
        vault.get("acme", "m365/secret")
    assert place.events(MSP, "vault.refused")[0]["why"] == "not_authenticated"


def test_an_altered_token(place: Place) -> None:
    with place.serving() as hand:
        body, _, mac = hand.grant(RUN, "acme").get_secret_value().partition(".")
        with child(place, SecretStr(f"{body[:-2]}AA.{mac}")) as vault, pytest.raises(NotAuthenticated):
            vault.get("acme", "m365/secret")


def test_a_revoked_and_an_expired_token(place: Place) -> None:
    with place.serving() as hand:
        token = hand.grant(RUN, "acme")
        with child(place, token) as vault:
            vault.get("acme", "m365/secret")
            hand.revoke(token)
            with pytest.raises(NotAuthenticated):  # also on the connection that is open
                vault.get("acme", "m365/secret")
        short = hand.grant(RUN, "acme", life=1.0)
        time.sleep(1.1)
        with child(place, short) as vault, pytest.raises(NotAuthenticated):
            vault.get("acme", "m365/secret")


_OTHER = """
import sys
from pathlib import Path
from pydantic import SecretStr
from tenantry.broker import BrokeredVault
from tenantry.errors import TenantryError
try:
    print(BrokeredVault(Path(sys.argv[1]), SecretStr(sys.stdin.read()), patience=0).get_text("acme", "m365/secret"))
except TenantryError as error:
    print(error.code)
"""


def other_process(place: Place, token: SecretStr) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _OTHER, str(place.home.broker_socket)],
        input=token.get_secret_value(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.strip()


def test_a_token_is_one_processs(place: Place) -> None:
    with place.serving() as hand:
        assert other_process(place, hand.grant(RUN, "acme", pid=os.getpid())) == "not_authenticated"
        first_come = hand.grant(RUN, "acme")
        with child(place, first_come) as vault:
            vault.get("acme", "m365/secret")
        assert other_process(place, first_come) == "not_authenticated"
        assert other_process(place, hand.grant(RUN, "acme")) == "**********"
        with pytest.raises(NotAuthenticated):
            hand.grant(RUN, "acme", pid=2**22 + 1)


def test_another_account_is_turned_away_unread(place: Place) -> None:
    with place.serving(uid=os.getuid() + 1) as hand:
        hand._connection._patience = 0
        with pytest.raises(BrokerUnavailable):
            hand.info()
    [refused] = place.events(MSP, "vault.refused")[:1]
    assert refused["op"] == "connect"
    assert refused["wanted"]["uid"] == str(os.getuid()) or refused["wanted"]["uid"] == os.getuid()


def test_a_run_cannot_grant_nor_look_around(place: Place) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        for op in ("grant", "revoke", "info", "nonsense"):
            with pytest.raises(OutOfScope):
                vault._connection.ask(op, role="run", run="x", tenant="beta")


def test_the_supervisor_gets_no_secret(place: Place) -> None:
    with place.serving() as hand:
        with pytest.raises(OutOfScope):
            hand.get("acme", "m365/secret")
        with pytest.raises(OutOfScope):
            hand.resolve("vault:acme/m365/secret", for_tenant="acme")
        assert len(hand.subkey("beta", "journal")) == 32
        with child(place, hand.grant_reader()) as reader:
            assert len(reader.subkey("beta", "evidence")) == 32
            with pytest.raises(OutOfScope):
                reader.get("beta", "m365/secret")


def test_grants_are_for_clients_that_there_are(place: Place) -> None:
    with place.serving() as hand:
        with pytest.raises(NotFound):
            hand.grant(RUN, "nobody")
        for tenant in (MSP, "../up", ""):
            with pytest.raises(InvalidInput):
                hand.grant(RUN, tenant)


def test_what_cannot_be_recorded_is_not_given(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.serving() as hand, child(place, hand.grant(RUN, "acme")) as vault:
        vault.get("acme", "m365/secret")

        def full(*_: object, **__: object) -> None:
            raise RecordError("the disk is full")

        monkeypatch.setattr(Journal, "append", full)
        with pytest.raises(RecordError):
            vault.get("acme", "m365/secret")
        monkeypatch.undo()
        vault.get("acme", "m365/secret")


def test_a_persons_code_is_checked_by_the_broker(place: Place) -> None:
    with Vault.open(place.home) as own:
        people = People(place.home, own)
        people.add("ann", "Ann", ["approver"], "*")
        totp = pyotp.parse_uri(people.enroll("ann").otpauth_uri.get_secret_value())
        people.close()
    assert isinstance(totp, pyotp.TOTP)
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        seen = BrokeredPeople(place.home, vault)
        proof = seen.authenticate("ann", totp.now(), purpose=f"approval:{RUN}", tenant="acme")
        assert (proof.person.id, proof.purpose, proof.tenant) == ("ann", f"approval:{RUN}", "acme")
        with pytest.raises(NotAuthenticated):  # it works once
            seen.authenticate("ann", totp.now(), purpose=f"approval:{RUN}", tenant="acme")
        with pytest.raises(OutOfScope):
            seen.authenticate("ann", totp.now(), purpose="approval:another-run", tenant="acme")
        with pytest.raises(OutOfScope):
            seen.authenticate("ann", totp.now(), purpose=f"approval:{RUN}", tenant="beta")
        with pytest.raises(OutOfScope):
            vault.get(MSP, "people/ann/totp")
        seen.close()
    assert len(place.events(MSP, "people.authenticated")) == 1


def test_the_socket_is_the_owners_alone_and_there_is_one_broker(place: Place) -> None:
    with place.serving():
        mode = place.home.broker_socket.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) == 0o600
        with pytest.raises(AssertionError), place.serving():  # the second does not come up
            pass
    assert not place.home.broker_socket.exists()


def test_the_socket_of_a_dead_broker_is_replaced(place: Place) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(place.home.broker_socket))
    dead.close()
    with place.serving() as hand:
        assert hand.info()["pid"] == os.getpid()


def test_tokens_outlive_the_broker(place: Place) -> None:
    with place.serving() as hand:
        token = hand.grant(RUN, "acme", pid=os.getpid())
        vault = mine(place, token)
        vault.get("acme", "m365/secret")
    with place.serving():
        vault.get("acme", "m365/secret")
    vault.close()


def test_without_a_broker(place: Place) -> None:
    with child(place, SUPERVISOR) as vault, pytest.raises(BrokerUnavailable):
        vault.get("acme", "m365/secret")


@pytest.mark.parametrize(
    "sent", [b"", b"\0", b"\xff\xff\xff\xff", struct.pack(">I", 5) + b"hello", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_noise_ends_its_own_connection_alone(place: Place, sent: bytes) -> None:
    with place.serving() as hand:
        with socket.socket(socket.AF_UNIX) as noise:
            noise.connect(str(place.home.broker_socket))
            noise.sendall(sent)
            noise.shutdown(socket.SHUT_WR)
            noise.settimeout(10)
            assert noise.recv(1) == b""
        assert hand.info()["reads"] == 0


@pytest.mark.parametrize(
    ("op", "what"),
    [
        ("resolve", {"ref": 7}),
        ("resolve", {}),
        ("get", {"tenant": "acme", "name": "a", "version": "1"}),
        ("get", {"tenant": "acme", "name": "../x"}),
    ],
)
def test_what_is_no_request_is_refused(place: Place, op: str, what: dict[str, object]) -> None:
    with place.serving() as hand, mine(place, hand.grant(RUN, "acme")) as vault:
        with pytest.raises(InvalidInput):
            vault._connection.ask(op, **what)
        vault.get("acme", "m365/secret")


def test_a_home_deeper_than_a_sockets_address(tmp_path: Path) -> None:
    from tenantry.home import Home

    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    place = Place(Home(deep / "home").ensure())
    with place.serving() as hand:
        assert hand.info()["reads"] == 0


def test_nothing_of_the_vault_is_inherited_by_accident() -> None:
    public = {name for name, _ in inspect.getmembers(Vault, callable) if not name.startswith("_")} - {"open"}
    assert public - set(vars(BrokeredVault)) == set()


def test_no_secret_stays_in_record_or_log(place: Place) -> None:
    with place.serving() as hand:
        token = hand.grant(RUN, "acme")
        with mine(place, token) as vault:
            vault.get("acme", "m365/secret")
    for path in place.home.path.rglob("*"):
        if path.is_file():
            for secret in (*SECRETS.values(), token.get_secret_value(), SUPERVISOR.get_secret_value()):
                assert secret.encode() not in path.read_bytes(), path


def test_broker_is_closed_by_its_block(place: Place) -> None:
    with Broker(place.home, SUPERVISOR):
        pass

"""A drop from its link to its end: who may, how often, what comes twice, what comes late, and what a kill leaves."""

from __future__ import annotations

import contextlib
import inspect
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tenantry.drop import Expected, making
from tenantry.drop import store as store_module
from tenantry.drop.store import MAX_REFUSALS, key_name
from tenantry.errors import Conflict, InvalidInput, NotFound, OutOfScope, RecordError
from tenantry.home import Home
from tests.support.canary import leaks
from tests.tenantry.drop.conftest import QUESTION, SHOWN, Box

CANARY = "c4nary-of-a-drop/äö+77"


def test_the_whole_way(box: Box) -> None:
    made = box.make(question=QUESTION)
    drop, token = made.drop.id, made.token.get_secret_value()
    assert box.drops.look(drop, token) == SHOWN | {
        "status": "open",
        "method": "pin",
        "expires_at": "2026-11-21T16:00:05.000000Z",
    }
    session = box.prove(made)
    state = box.drops.state(drop, session)
    assert state["public"] == made.drop.public
    assert [(one["title"], one["received"]) for one in state["expected"]] == [
        ("Secret of the app", False),
        ("vpn/cert", False),
    ]
    assert box.hand(made, session, 0, CANARY.encode()) == {"received": True, "ended": False}
    assert box.events("step.arrived") == []
    assert box.hand(made, session, 1, b"\0\1") == {"received": True, "ended": True}

    assert box.vault.get_text("acme", "m365/secret").get_secret_value() == CANARY
    [stored] = box.vault.versions("acme", "m365/secret")
    assert stored.metadata["received_from"] == "jo"
    assert stored.metadata["drop"] == drop
    assert [event["name"] for event in box.events("drop.received")] == ["m365/secret", "vpn/cert"]
    assert all(event["contact"] == "jo" for event in box.events("drop.received"))
    [arrived] = box.events("step.arrived")
    assert arrived["by"] == "contact jo"
    assert arrived["names"] == ["m365/secret", "vpn/cert"]
    [record] = [record for record in box.journal.tail("acme") if record.event == "step.arrived"]
    assert (record.entry.fields["run_id"], record.step) == ("run-1", "credentials")

    assert box.vault.versions("acme", key_name(drop)) == ()
    assert box.drops.get(drop).status == "completed"
    assert box.drops.look(drop, token)["status"] == "completed"
    assert box.drops.state(drop, session)["status"] == "completed"  # the page says so once more
    again = box.drops.verify(drop, token, SecretStr("1"))
    assert again["refused"] == "completed"
    assert box.journal.verify().ok


def test_it_lies_in_the_vault_and_nowhere_else(box: Box, tmp_path: Path) -> None:
    made = box.make()
    session = box.prove(made)
    assert made.pin is not None
    assert leaks(tmp_path, {"token": made.token.get_secret_value(), "pin": made.pin.get_secret_value()}) == []
    box.hand(made, session, 0, CANARY.encode())
    box.close()
    assert leaks(tmp_path, {"canary": CANARY, "session": session}) == []
    box.reopen()


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "\ud800", "é" * 40])
def test_a_token_that_is_guessed_says_nothing(box: Box, token: str) -> None:
    made = box.make()
    said = set()
    for drop in (made.drop.id, "0123456789abcdef", "", "'; DROP TABLE drops; --", "x" * 10_000):
        for call in (
            lambda drop: box.drops.look(drop, token),
            lambda drop: box.drops.verify(drop, token, SecretStr("00000000")),
        ):
            with pytest.raises(NotFound) as refused:
                call(drop)
            said.add(str(refused.value))
    assert len(said) == 1
    assert box.events("drop.refused") == []  # nor does it use up the tries of who has the link


def test_tokens_pins_and_digests_are_compared_in_constant_time() -> None:
    source = inspect.getsource(store_module)
    assert source.count("hmac.compare_digest(") == 3
    for name in ('"token"] ==', '"pin"] ==', '"digest"] =='):
        assert name not in source


def test_guessing_the_number_locks_the_drop_for_good(box: Box) -> None:
    made = box.make()
    token = made.token.get_secret_value()
    assert made.pin is not None
    left = []
    for guess in range(MAX_REFUSALS):
        wrong = f"{(int(made.pin.get_secret_value()) + 1 + guess) % 10**8:08d}"
        found = box.drops.verify(made.drop.id, token, SecretStr(wrong))
        left.append((found["refused"], found["left"]))
    assert left == [("wrong", 4), ("wrong", 3), ("wrong", 2), ("wrong", 1), ("locked", 0)]
    assert "session" not in box.drops.verify(made.drop.id, token, made.pin)
    assert box.drops.look(made.drop.id, token)["status"] == "locked"
    assert box.vault.versions("acme", key_name(made.drop.id)) == ()
    assert [event["left"] for event in box.events("drop.refused")] == [4, 3, 2, 1, 0]
    assert box.events("drop.ended")[0]["status"] == "locked"


def test_a_contact_with_a_code_of_their_own_needs_no_number(box: Box) -> None:
    box.enroll()
    made = box.make()
    token = made.token.get_secret_value()
    assert made.pin is None
    assert box.drops.look(made.drop.id, token)["method"] == "totp"
    code = SecretStr(box.code())
    assert "session" in box.drops.verify(made.drop.id, token, code)
    assert box.drops.verify(made.drop.id, token, code)["refused"] == "wrong"  # each code once
    box.later(seconds=60)
    wrong = SecretStr("12345")
    for _ in range(4):
        assert box.drops.verify(made.drop.id, token, wrong)["refused"] == "wrong"
    locked = box.drops.verify(made.drop.id, token, wrong)
    assert locked["refused"] == "locked"
    assert locked["locked_until"] == "2026-11-21T12:16:05.000000Z"
    assert box.drops.verify(made.drop.id, token, SecretStr(box.code()))["refused"] == "locked"
    assert box.drops.get(made.drop.id).status == "open"  # the contact is locked, not their link
    box.later(minutes=16)
    assert "session" in box.drops.verify(made.drop.id, token, SecretStr(box.code()))


def test_sent_again_it_is_stored_once_and_another_value_is_refused(box: Box) -> None:
    made = box.make()
    session = box.prove(made)
    sealed = box.sealed(made, 0, b"value")
    for _ in range(3):
        assert box.drops.take(made.drop.id, session, 0, sealed)["received"]
    other = box.prove(made)  # another tab, or another device
    assert box.drops.take(made.drop.id, other, 0, sealed)["received"]
    with pytest.raises(Conflict):
        box.hand(made, other, 0, b"another value")
    assert len(box.vault.versions("acme", "m365/secret")) == 1
    assert len(box.events("drop.received")) == 1
    assert box.drops.state(made.drop.id, other)["expected"][0]["received"]


def test_a_session_is_of_its_drop_and_has_an_end(box: Box) -> None:
    one, two = box.make(), box.make(Expected("other"))
    session = box.prove(one)
    for wrong in ("", "x", session + "x"):
        with pytest.raises(OutOfScope):
            box.drops.state(one.drop.id, wrong)
    with pytest.raises(OutOfScope):
        box.drops.state(two.drop.id, session)
    with pytest.raises(OutOfScope):
        box.hand(two, session, 0, b"value")
    box.later(minutes=63)
    with pytest.raises(OutOfScope):
        box.hand(one, session, 0, b"value")
    assert box.vault.list("acme")[0].name.startswith("drops/")


def test_what_comes_late_is_refused_and_the_end_is_recorded(box: Box) -> None:
    made = box.make(life=timedelta(minutes=30), question=QUESTION)
    session = box.prove(made)
    box.hand(made, session, 0, b"in time")
    box.later(minutes=30)
    assert box.drops.look(made.drop.id, made.token.get_secret_value())["status"] == "expired"
    box.drops.tend()
    assert box.drops.get(made.drop.id).status == "open"  # what was on its way is still taken
    box.later(minutes=3)
    box.drops.tend()
    with pytest.raises(OutOfScope):
        box.hand(made, session, 1, b"late")
    [ended] = box.events("drop.ended")
    assert (ended["status"], ended["missing"]) == ("expired", ["vpn/cert"])
    assert box.vault.versions("acme", key_name(made.drop.id)) == ()
    assert box.vault.get("acme", "m365/secret").get_secret_value() == b"in time"
    assert box.events("step.arrived") == []  # the question's own time ends the waiting


def test_withdrawn_it_is_of_no_use_and_what_came_is_kept(box: Box) -> None:
    made = box.make()
    session = box.prove(made)
    box.hand(made, session, 0, b"value")
    for _ in range(2):
        assert box.drops.withdraw(made.drop.id, by={"person": "ann"}).status == "withdrawn"
    with pytest.raises(OutOfScope):
        box.hand(made, session, 1, b"value")
    assert len(box.events("drop.ended")) == 1
    assert box.vault.get("acme", "m365/secret").get_secret_value() == b"value"


def test_hostile_values(box: Box) -> None:
    made = box.make()
    session = box.prove(made)
    good = box.sealed(made, 0, b"value")
    for wrong in (b"", good[:-1], good + b"x", box.sealed(made, 1, b"value"), bytes(10_000_000), b"\x01" * 600):
        with pytest.raises(InvalidInput):
            box.drops.take(made.drop.id, session, 0, wrong)
    for value in (b"two\nlines", b"\0", b"\xff\xfe"):
        with pytest.raises(InvalidInput):
            box.hand(made, session, 0, value)
    for place in (-1, 2, 10**30):
        with pytest.raises(NotFound):
            box.drops.take(made.drop.id, session, place, good)
    assert box.vault.versions("acme", "m365/secret") == ()
    assert box.hand(made, session, 0, b"value")["received"]


def test_a_session_that_sends_what_never_opens_is_ended(box: Box) -> None:
    made = box.make()
    session = box.prove(made)
    for _ in range(20):
        with pytest.raises(InvalidInput):
            box.drops.take(made.drop.id, session, 0, b"garbage")
    with pytest.raises(OutOfScope):
        box.drops.take(made.drop.id, session, 0, b"garbage")


class Killed(Exception):
    """As kill -9 would: what is done stays, what is not is not."""


@pytest.mark.parametrize("at", ["vault", "received", "ended", "arrived", "key"])
def test_killed_anywhere_it_goes_on_and_nothing_is_there_twice(
    box: Box, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = box.make(Expected("m365/secret"), question=QUESTION)
    session = box.prove(made)
    sealed = box.sealed(made, 0, b"value")

    def dying(method: Callable[..., Any], when: Callable[..., bool], *, after: bool) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            due = when(*args)
            if due and not after:
                raise Killed
            result = method(*args, **more)
            if due:
                raise Killed
            return result

        return call

    with monkeypatch.context() as patch:
        if at == "vault":
            patch.setattr(box.vault, "put", dying(box.vault.put, lambda *_: True, after=True))
        elif at == "key":
            patch.setattr(box.vault, "delete", dying(box.vault.delete, lambda *_: True, after=False))
        else:
            name = {"received": "drop.received", "ended": "drop.ended", "arrived": "step.arrived"}[at]
            told = dying(box.journal.append, lambda _, events: events[0].event == name, after=False)
            patch.setattr(box.journal, "append", told)
        with pytest.raises(Killed):
            box.drops.take(made.drop.id, session, 0, sealed)
    box.close()
    box.reopen()
    if at in ("vault", "ended"):
        assert box.drops.take(made.drop.id, session, 0, sealed) == {
            "received": True,
            "ended": True,
        }  # the page tries again
    else:
        box.drops.tend()  # the page was closed
    assert box.drops.get(made.drop.id).status == "completed"
    assert len(box.vault.versions("acme", "m365/secret")) == 1
    assert box.vault.versions("acme", key_name(made.drop.id)) == ()
    assert len(box.events("drop.received")) == 1
    assert len(box.events("step.arrived")) == 1
    box.drops.tend()
    assert len(box.events("drop.ended")) <= 2
    assert box.journal.verify().ok


@pytest.mark.parametrize("at", ["begun", "key", "told"])
def test_killed_while_it_is_made_it_leaves_no_key(box: Box, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was told its link: the key goes when the service next looks, and not while its maker may be at work."""
    with monkeypatch.context() as patch:
        if at == "told":
            patch.setattr(box.journal, "append", _killed)
        else:
            plain = box.vault.put
            patch.setattr(box.vault, "put", lambda *args, **more: (at == "key" and plain(*args, **more), _killed()))
        with pytest.raises(Killed):
            box.make()
    keys = {found.name for found in box.vault.list("acme")}
    assert len(keys) == (0 if at == "begun" else 1)
    box.drops.tend()
    assert {found.name for found in box.vault.list("acme")} == keys, "its maker lives: it may be just about to tell"
    box.close()
    box.reopen()
    monkeypatch.setattr(making, "known_dead", lambda _: True)  # of a process that was killed: tested where leases are
    box.drops.tend()
    box.drops.tend()
    assert box.vault.list("acme") == []
    assert box.drops.list() == []
    made = box.make()
    box.drops.tend()
    assert box.hand(made, box.prove(made), 0, b"value")["received"], "one that was made is left alone"


def _killed(*_: object, **__: object) -> None:
    raise Killed


def test_a_ledger_of_an_older_release_goes_on(box: Box) -> None:
    made = box.make()
    box.close()
    with contextlib.closing(sqlite3.connect(box.home.drops_db)) as db, db:
        db.executescript("DROP TABLE making; PRAGMA user_version = 1")
    box.reopen()
    assert box.hand(made, box.prove(made), 0, b"value")["received"]
    box.make()


def test_what_cannot_be_recorded_is_not_called_received(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    made = box.make()
    session = box.prove(made)

    def full(*_: object, **__: object) -> None:
        raise RecordError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(box.journal, "append", full)
        with pytest.raises(RecordError):
            box.hand(made, session, 0, b"value")
    assert box.hand(made, session, 1, b"other")["received"]
    assert [event["name"] for event in box.events("drop.received")] == ["m365/secret", "vpn/cert"]


def test_what_cannot_be_made(box: Box) -> None:
    for expected in ([], [Expected("a"), Expected("a")], [Expected(f"a{i}") for i in range(33)]):
        with pytest.raises(InvalidInput):
            box.drops.make("acme", "jo", expected, life=timedelta(hours=1), shown=SHOWN, by={})
    for life in (timedelta(0), timedelta(minutes=4), timedelta(days=15)):
        with pytest.raises(InvalidInput):
            box.make(life=life)
    with pytest.raises(NotFound):
        box.make(tenant="nobody")
    with pytest.raises(NotFound):
        box.drops.get("nobody")


def test_each_client_has_its_own(box: Box) -> None:
    mine, theirs = box.make(), box.make(tenant="beta")
    assert [drop.id for drop in box.drops.list("beta")] == [theirs.drop.id]
    assert {drop.id for drop in box.drops.list()} == {mine.drop.id, theirs.drop.id}
    session = box.prove(mine)
    box.hand(mine, session, 0, b"value")
    assert box.vault.versions("beta", "m365/secret") == ()
    assert box.events("drop.received", "beta") == []


def test_a_client_who_left_takes_their_drops_along(box: Box) -> None:
    made = box.make(tenant="beta")
    box.vault.destroy_tenant_key("beta")
    box.drops.tend()
    assert box.drops.get(made.drop.id).status == "withdrawn"


def test_the_ledger_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    box = Box(Home(tmp_path / "home").ensure())
    box.make()
    for file in box.home.path.glob("drops.db*"):
        assert file.stat().st_mode & 0o077 == 0
    box.close()

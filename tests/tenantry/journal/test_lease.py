from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from tenantry.errors import LeaseLost
from tenantry.journal import Journal, LeaseHeld
from tenantry.journal.lease import LIFE, known_dead, this_process
from tests.support.stand import SteppingClock
from tests.tenantry.journal.support import Child, event, key, sql, together, url_of

ELSEWHERE = "other-host|boot|1|1"
"""An owner of whom this machine cannot tell whether it lives."""


@pytest.fixture
def pass_to(path: Path) -> Callable[[str], None]:
    """Make the lease another process's, as if it had taken it."""

    def change(owner: str) -> None:
        sql(path, "UPDATE leases SET owner = ?", [owner])

    return change


# --- taking -----------------------------------------------------------------------------------------------------------


def test_a_run_has_one_owner(journal: Journal, pass_to: Callable[[str], None]) -> None:
    lease = journal.acquire("run-1", life=5.0)
    assert lease.fence.token == 1
    assert not lease.taken_over
    pass_to(ELSEWHERE)
    with pytest.raises(LeaseHeld) as held:
        journal.acquire("run-1")
    assert held.value.owner == ELSEWHERE
    assert 0 < held.value.seconds <= 5.0
    assert journal.acquire("run-2").fence.token == 1, "another run is another lease"


def test_the_same_process_does_not_take_its_own_lease_twice(journal: Journal) -> None:
    journal.acquire("run-1")
    with pytest.raises(LeaseHeld):
        journal.acquire("run-1")


def test_an_expired_lease_is_taken_over_with_a_newer_token(
    journal: Journal, clock: SteppingClock, pass_to: Callable[[str], None]
) -> None:
    journal.acquire("run-1", life=5.0)
    pass_to(ELSEWHERE)
    clock.at += timedelta(seconds=4.9)
    with pytest.raises(LeaseHeld):
        journal.acquire("run-1")
    clock.at += timedelta(seconds=0.2)
    taken = journal.acquire("run-1")
    assert taken.fence.token == 2
    assert taken.taken_over


def test_a_released_lease_is_free_at_once(journal: Journal, pass_to: Callable[[str], None]) -> None:
    lease = journal.acquire("run-1")
    pass_to(ELSEWHERE)
    journal.release(lease.fence)
    assert not journal.live("run-1")
    again = journal.acquire("run-1")
    assert again.fence.token == 2, "a token is never given twice"
    assert not again.taken_over
    journal.release(lease.fence)
    assert journal.live("run-1"), "releasing a lease that was lost takes nothing from the new owner"


def test_a_dead_owners_run_is_free_at_once(journal: Journal, path: Path) -> None:
    def own() -> None:
        Journal(url_of(path), key).acquire("run-1", life=3600.0)
        os.kill(os.getpid(), 9)

    assert Child(own).wait() == -9
    assert not journal.live("run-1")
    lease = journal.acquire("run-1")
    assert lease.fence.token == 2
    assert lease.taken_over


def test_a_living_owners_run_is_not(journal: Journal, path: Path) -> None:
    reader, writer = os.pipe()

    def own() -> None:
        Journal(url_of(path), key).acquire("run-1", life=3600.0)
        os.write(writer, b"x")
        time.sleep(600)

    child = Child(own)
    try:
        os.read(reader, 1)
        assert Journal(url_of(path), key).live("run-1")
        with pytest.raises(LeaseHeld) as held:
            Journal(url_of(path), key).acquire("run-1")
        assert f"|{child.pid}|" in held.value.owner
    finally:
        child.kill()
        os.close(reader)
        os.close(writer)


def _race(path: Path, report: int) -> None:
    try:
        Journal(url_of(path), key).acquire("run-1", life=3600.0)
    except LeaseHeld:
        os.write(report, b"held ")
    else:
        os.write(report, b"mine ")
        os.read(_STAY[0], 1)  # lives until all have tried


_STAY: tuple[int, int] = (-1, -1)


def test_of_several_that_ask_at_once_one_wins(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Journal(url_of(path), key).close()
    reader, writer = os.pipe()
    stay = os.pipe()
    monkeypatch.setattr(f"{__name__}._STAY", stay)

    def last() -> None:
        answers = b""
        while answers.count(b" ") < 4:
            answers += os.read(reader, 64)
        os.write(stay[1], b"x")
        assert sorted(answers.split()) == [b"held", b"held", b"held", b"mine"]

    assert together(*[partial(_race, path, writer)] * 4, last) == [0] * 5
    for end in (reader, writer, *stay):
        os.close(end)


# --- holding ----------------------------------------------------------------------------------------------------------


def test_an_append_under_a_lease_renews_it_for_as_long_as_it_was_taken(journal: Journal, clock: SteppingClock) -> None:
    lease = journal.acquire("run-1", life=5.0)
    clock.at += timedelta(seconds=4)
    journal.append("acme", [event()], fence=lease.fence)
    clock.at += timedelta(seconds=4)
    assert journal.live("run-1")
    clock.at += timedelta(seconds=1.1)
    assert not journal.live("run-1")


def test_renewing_keeps_the_lease_and_records_nothing(journal: Journal, clock: SteppingClock) -> None:
    lease = journal.acquire("run-1")
    for _ in range(5):
        clock.at += timedelta(seconds=LIFE - 1)
        journal.renew(lease.fence)
    assert journal.live("run-1")
    assert journal.verify().entries == 0
    journal.renew(lease.fence, life=60.0)
    clock.at += timedelta(seconds=59)
    assert journal.live("run-1")


def test_a_stale_owner_records_nothing(journal: Journal, clock: SteppingClock, path: Path) -> None:
    """It was suspended, another took over and went on; now it wakes up and believes itself the owner."""
    stale = journal.acquire("run-1", life=5.0).fence
    journal.append("acme", [event("mine")], fence=stale)
    clock.at += timedelta(seconds=6)
    other = Journal(url_of(path), key, clock)
    fresh = other.acquire("run-1").fence
    other.append("acme", [event("theirs")], fence=fresh)
    with pytest.raises(LeaseLost):
        journal.append("acme", [event("late"), event("later")], fence=stale)
    with pytest.raises(LeaseLost):
        journal.renew(stale)
    assert [record.event for record in journal.tail("acme")] == ["mine", "theirs"]
    other.append("acme", [event("on")], fence=fresh)
    assert journal.verify().ok
    other.close()


def test_a_lapsed_lease_that_nobody_took_still_counts(journal: Journal, clock: SteppingClock) -> None:
    lease = journal.acquire("run-1", life=5.0)
    clock.at += timedelta(seconds=60)
    journal.append("acme", [event()], fence=lease.fence)
    assert journal.live("run-1")


def test_a_lease_that_was_never_given_is_lost(journal: Journal) -> None:
    fence = journal.acquire("run-1").fence
    sql_free = type(fence)("run-2", 1)
    with pytest.raises(LeaseLost):
        journal.append("acme", [event()], fence=sql_free)
    with pytest.raises(LeaseLost):
        journal.append("acme", [event()], fence=type(fence)("run-1", fence.token + 1))
    assert journal.tail("acme") == []


# --- who is dead ------------------------------------------------------------------------------------------------------


def test_this_process_is_not_dead() -> None:
    assert not known_dead(this_process())


def test_a_process_that_ended_is_known_dead() -> None:
    reader, writer = os.pipe()

    def tell() -> None:
        # Not this_process() of the parent's cache: the child is another process.
        os.write(writer, this_process().encode())

    child = Child(tell)
    owner = os.read(reader, 4096).decode()
    child.wait()
    os.close(reader)
    os.close(writer)
    assert f"|{child.pid}|" in owner
    assert known_dead(owner)


def test_a_zombie_is_dead() -> None:
    """It ended and its parent has not asked yet: it will do nothing more."""
    reader, writer = os.pipe()
    child = Child(lambda: void(os.write(writer, this_process().encode())))
    owner = os.read(reader, 4096).decode()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert known_dead(owner)
    child.wait()
    os.close(reader)
    os.close(writer)


def void(_: object) -> None:
    return None


def test_another_process_with_the_same_id_is_not_the_owner() -> None:
    host, boot, pid, _ = this_process().split("|")
    assert known_dead(f"{host}|{boot}|{pid}|1")


def test_a_process_of_an_earlier_boot_is_dead() -> None:
    host, _, pid, ticks = this_process().split("|")
    assert known_dead(f"{host}|an-earlier-boot|{pid}|{ticks}")
    assert not known_dead(f"{host}|unknown|{pid}|{ticks}"), "not if the boot cannot be told"


def test_of_another_machine_nothing_is_known() -> None:
    assert not known_dead(ELSEWHERE)
    assert not known_dead("nonsense")
    assert socket.gethostname() != "other-host"

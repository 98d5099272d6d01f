"""What several clients, and several processes, share of one tenant's limits at a vendor."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from integrations.http import Http, Limits
from integrations.turns import Turns, family, held, of_background, shared_in, turns
from tenantry import deadline
from tenantry.background import in_background
from tenantry.errors import MachineExhausted, Throttled

CHILD = """
import asyncio, sys
from pathlib import Path
from integrations.turns import shared_in, turns
async def one(shared, out):
    async with shared.turn():
        out.write("+\\n"); out.flush()
        await asyncio.sleep(0.01)
        out.write("-\\n"); out.flush()
async def main():
    with shared_in(Path(sys.argv[1])):
        shared = turns("vendor", "tenant", 3)
    with open(sys.argv[2], "a") as out:
        await asyncio.gather(*(one(shared, out) for _ in range(20)))
asyncio.run(main())
"""


def test_processes_share_a_tenants_turns(tmp_path: Path) -> None:
    log = tmp_path / "log"
    children = [subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "limits"), str(log)]) for _ in range(3)]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    at_work = most = 0
    lines = log.read_text().split()
    assert len(lines) == 120
    for line in lines:
        at_work += 1 if line == "+" else -1
        most = max(most, at_work)
    # A line is written while the turn is held, so what is read in order never exceeds the limit.
    assert most == 3


HOLDER = """
import sys, time
from pathlib import Path
from integrations.turns import Turns, _lock, fcntl
shared = Turns(1, Path(sys.argv[1]))
assert _lock(shared._opened(), fcntl.F_WRLCK, 0)
print("held", flush=True)
time.sleep(60)
"""


def test_a_process_that_dies_gives_its_turns_back(tmp_path: Path) -> None:
    with shared_in(tmp_path):
        file = tmp_path / "vendor.tenant.turns"
    child = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"held\n"
    shared = Turns(1, file)
    assert held(tmp_path) == {"vendor.tenant": 1}
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(_take(shared), 0.1))
    child.kill()
    child.wait()
    asyncio.run(asyncio.wait_for(_take(Turns(1, file)), 5))
    assert held(tmp_path) == {"vendor.tenant": 0}


async def test_tenants_and_vendors_do_not_share(tmp_path: Path) -> None:
    with shared_in(tmp_path):
        a, b, c = turns("v", "a", 1), turns("v", "b", 1), turns("w", "a", 1)
        assert turns("v", "a", 1) is a
    async with a.turn(), b.turn(), c.turn():
        assert len(held(tmp_path)) == 3


async def test_a_name_that_is_no_files_name(tmp_path: Path) -> None:
    with shared_in(tmp_path):
        odd = turns("v", "../../etc/x", 1)
    async with odd.turn():
        assert len(held(tmp_path)) == 1


async def test_cancelled_while_waiting_or_working_gives_the_turn_back(tmp_path: Path) -> None:
    with shared_in(tmp_path):
        one = turns("v", "a", 1)
    entered = asyncio.Event()

    async def work() -> None:
        async with one.turn():
            entered.set()
            await asyncio.sleep(60)

    first, second = asyncio.create_task(work()), asyncio.create_task(work())
    await entered.wait()
    second.cancel()
    first.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    async with asyncio.timeout(1), one.turn():
        pass


async def test_descriptors_are_given_back(tmp_path: Path) -> None:
    before = _descriptors()
    for n in range(20):
        with shared_in(tmp_path):
            one = turns("v", f"t{n}", 4)
        await asyncio.gather(*(_take(one) for _ in range(8)))
        one.hold("x", 1)
        del one
    gc.collect()
    assert _descriptors() <= before + 4


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _take(one: Turns) -> None:
    async with one.turn():
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/v1.0/users/abc", "users"),
        ("/graph/v1.0/auditLogs/signIns", "auditLogs"),
        ("/beta/auditLogs/signIns", "auditLogs"),
        ("/services/T/B/x", "services"),
        ("/v1.0", "v1.0"),
        ("", ""),
    ],
)
def test_kinds(path: str, kind: str) -> None:
    assert family(path) == kind


async def http(shared: Path, script: list[httpx.Response], slept: list[float], seen: list[str]) -> Http:
    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return script.pop(0) if script else httpx.Response(200, json={})

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    with shared_in(shared):
        return await Http.open("v", "t", limits=Limits(), transport=httpx.MockTransport(answer), sleep=sleep)


async def test_what_one_client_was_told_the_others_keep_to(tmp_path: Path) -> None:
    slept: list[float] = []
    seen: list[str] = []
    throttled = [httpx.Response(429, headers={"Retry-After": "30"})]
    first = await http(tmp_path, throttled, [], seen)
    await first.read("GET", "https://v.example/v1.0/auditLogs/signIns")  # its own sleep is not real
    # Another process: another table of times in memory, the same file.
    other = Turns(32, tmp_path / "v.t.turns")
    assert 28 < other.left("auditLogs") <= 30
    assert other.left("users") == 0, "containment does not wait for a report's quota"
    second = await http(tmp_path, [], slept, seen)
    del seen[:]
    await second.read("GET", "https://v.example/v1.0/users/x")
    assert slept == []
    await second.read("GET", "https://v.example/v1.0/auditLogs/signIns")
    assert slept[0] > 28, "it waits before it asks"
    assert seen == ["/v1.0/users/x", "/v1.0/auditLogs/signIns"]
    # An effect that cannot wait so long is not sent at all, and says how long it would be.
    third = await http(tmp_path, [], [], seen)
    with deadline.effect(10.0), pytest.raises(Throttled) as caught:
        await third.write("POST", "https://v.example/v1.0/auditLogs/x")
    assert caught.value.retry_after is not None
    assert len(seen) == 2


def test_a_time_far_ahead_is_not_believed(tmp_path: Path) -> None:
    one = Turns(1, tmp_path / "x.turns")
    one.hold("kind", 10_000_000)
    assert one.left("kind") <= 3_600
    (tmp_path / "x.turns").write_bytes(struct.pack("d", time.time() + 10_000) * 256)
    assert one.left("kind") == 0


async def test_a_turn_that_cannot_be_looked_up_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("where a folder should be")
    with shared_in(tmp_path / "file"):
        one = turns("v", "t", 1)
    with pytest.raises(MachineExhausted) as caught:
        await _take(one)
    assert caught.value.retryable
    assert caught.value.remedy
    sent: list[str] = []
    client = await http(tmp_path / "file", [], [], sent)
    with pytest.raises(MachineExhausted):
        await client.write("POST", "https://v.example/v1.0/users")
    assert sent == []


async def test_without_descriptors_it_waits_for_nobody_and_goes_on_later(tmp_path: Path) -> None:
    with shared_in(tmp_path):
        one = turns("v", "t", 2)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        with pytest.raises(MachineExhausted):
            await _take(one)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    await _take(one)


def test_a_time_that_cannot_be_written_down_is_kept_here() -> None:
    one = Turns(1, Path("/dev/full"))
    one.hold("reports", 30)
    assert 28 < one.left("reports") <= 30


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("concurrency", [1, 2, 5, 16])
async def test_what_has_time_leaves_half_of_the_turns(tmp_path: Path, concurrency: int, shared: bool) -> None:
    file = tmp_path / "vendor.tenant.turns" if shared else None
    one, other = Turns(concurrency, file), Turns(concurrency, file)  # of two processes, where they share a file
    at_work = most = 0
    over = asyncio.Event()

    async def look(mine: Turns) -> None:
        nonlocal at_work, most
        async with mine.turn():
            at_work += 1
            most = max(most, at_work)
            await over.wait()
            at_work -= 1

    with in_background():
        looking = [asyncio.create_task(look(mine)) for mine in ((one, other) if shared else (one,)) for _ in range(20)]
    for _ in range(1000):
        if at_work == of_background(concurrency):
            break
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.05)
    assert at_work == of_background(concurrency)
    left = concurrency - of_background(concurrency)
    acting = [asyncio.create_task(_take(one)) for _ in range(left)]
    await asyncio.wait_for(asyncio.gather(*acting), 5)
    over.set()
    await asyncio.wait_for(asyncio.gather(*looking), 20)
    assert most == of_background(concurrency)


def test_a_thread_that_has_time_leaves_them_too(tmp_path: Path) -> None:
    shared = Turns(4, tmp_path / "vendor.tenant.turns")
    given_up = threading.Event()
    with contextlib.ExitStack() as stack:
        with in_background():
            for _ in range(2):
                stack.enter_context(shared.turn_in_thread(given_up))
            threading.Timer(0.1, given_up.set).start()
            with pytest.raises(asyncio.CancelledError), shared.turn_in_thread(given_up):
                pass
        for _ in range(2):
            stack.enter_context(shared.turn_in_thread(threading.Event()))
        assert held(tmp_path) == {"vendor.tenant": 4}

"""The journal on a disk that fails: killed at a write or sync, errors from them, power lost in between.

strace injects the faults into real system calls of a real process (https://man7.org/linux/man-pages/man1/strace.1.html). A lost
power supply is played back from the calls that strace saw: what was synced is there; of what was not, each write is there, or
not, or torn at a sector.
"""

from __future__ import annotations

import ctypes
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tenantry.errors import RecordError
from tenantry.journal import Event, Journal
from tests.faults import journal_child
from tests.support.tools import needs
from tests.tenantry.journal.support import Child, key, url_of

COUNT = 12
_COUNTED: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def _strace() -> None:
    traces = (
        shutil.which("strace") is not None
        and not subprocess.run(["strace", "-o", os.devnull, "true"], check=False).returncode
    )
    needs(traces, "strace, or the right to trace,")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal with its schema, which the children go on with: its making is not what is tested."""
    folder = tmp_path_factory.mktemp("made")
    Journal(url_of(folder / "journal.db"), key).close()
    return folder


def _traced(folder: Path, *options: str, count: int = COUNT) -> tuple[int, list[str]]:
    """Exit code and acknowledged entries of a child under strace. It is forked, and starts when strace has hold of it: an
    interpreter that starts anew would take fifty times as long as what is tested."""
    reader, said = os.pipe()
    held, release = os.pipe()

    def append() -> None:
        _let_others_trace()
        os.close(release)
        os.read(held, 1)
        os.dup2(said, 1)
        journal_child.main(str(folder), count)

    child = Child(append)
    os.close(held)
    os.close(said)
    tracer = subprocess.Popen(
        ["strace", "-f", "-p", str(child.pid), *options], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert tracer.stderr is not None
    assert "attached" in tracer.stderr.readline()
    os.close(release)
    with os.fdopen(reader, encoding="ascii") as lines:
        acknowledged = [line for line in lines.read().split() if line not in ("ready", "refused")]
    tracer.communicate(timeout=120)
    return child.wait(), acknowledged


def _let_others_trace() -> None:
    """Where only parents may trace (https://docs.kernel.org/admin-guide/LSM/Yama.html): PR_SET_PTRACER, PR_SET_PTRACER_ANY."""
    ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)


def _whole(folder: Path, acknowledged: list[str]) -> None:
    """The journal opens, verifies, holds what was acknowledged in its order, and takes more."""
    journal = Journal(url_of(folder / "journal.db"), key)
    try:
        result = journal.verify()
        assert result.ok, result.first_bad
        ids = [record.entry.id for record in journal.tail("acme")]
        assert [entry_id for entry_id in ids if entry_id in set(acknowledged)] == acknowledged
        assert len(ids) <= COUNT
        journal.append("acme", [Event("note", {"after": "the fault"})])
        assert journal.verify().ok
    finally:
        journal.close()


def _calls(made: Path, tmp_path: Path, call: str) -> int:
    """How often the child makes this call, when nothing fails."""
    if call in _COUNTED:
        return _COUNTED[call]
    folder = Path(shutil.copytree(made, tmp_path / f"count-{call}"))
    trace = tmp_path / f"{call}.trace"
    _traced(folder, "-o", str(trace), "-e", f"trace={call}")
    _COUNTED[call] = trace.read_text(encoding="utf-8").count(f"{call}(")
    return _COUNTED[call]


FAULTS = [
    ("fdatasync", "signal=KILL"),
    ("fdatasync", "error=EIO"),
    ("fdatasync", "error=ENOSPC"),
    ("pwrite64", "signal=KILL"),
    ("pwrite64", "error=EIO"),
    ("pwrite64", "error=ENOSPC"),
]


def _faulted(made: Path, tmp_path: Path, call: str, fault: str, at: int, lasting: str = "") -> list[str]:
    folder = Path(shutil.copytree(made, tmp_path / f"{call}-{at}-{fault[-3:]}{bool(lasting)}"))
    trace = tmp_path / "fault.trace"
    options = ("-o", str(trace), "-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={at}{lasting}")
    code, acknowledged = _traced(folder, *options)
    assert code == (-9 if fault == "signal=KILL" else 0)
    assert ("killed by SIGKILL" if fault == "signal=KILL" else "(INJECTED)") in trace.read_text(encoding="utf-8")
    _whole(folder, acknowledged)
    shutil.rmtree(folder)
    return acknowledged


@pytest.mark.parametrize(("call", "fault"), FAULTS)
def test_a_fault_at_some_call(made: Path, tmp_path: Path, call: str, fault: str) -> None:
    calls = _calls(made, tmp_path, call)
    assert calls >= COUNT
    draw = random.Random(f"{call} {fault}")
    for at in sorted({1, calls // 2, calls, *(draw.randint(2, calls - 1) for _ in range(3))}):
        _faulted(made, tmp_path, call, fault, at)


@pytest.mark.torture
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("call", "fault"), FAULTS)
def test_a_fault_at_every_call(made: Path, tmp_path: Path, call: str, fault: str) -> None:
    for at in range(1, _calls(made, tmp_path, call) + 1):
        _faulted(made, tmp_path, call, fault, at)


@pytest.mark.parametrize("fault", ["signal=KILL", "error=EIO", "error=ENOSPC"])
def test_a_fault_while_room_is_made(made: Path, tmp_path: Path, fault: str) -> None:
    """The log is lengthened ahead of its frames. An error there refuses no append."""
    folder = Path(shutil.copytree(made, tmp_path / "room"))
    inject = ("-e", f"inject=write:{fault}:when=7", "-P", str(folder / "journal.db-wal"))
    code, acknowledged = _traced(folder, "-o", str(tmp_path / "room.trace"), *inject)
    assert "INJECTED" in (tmp_path / "room.trace").read_text(encoding="utf-8") or code == -9
    assert len(acknowledged) >= 7 if fault == "signal=KILL" else (code, len(acknowledged)) == (0, COUNT)
    _whole(folder, acknowledged)


def test_a_disk_that_stays_full(made: Path, tmp_path: Path) -> None:
    """From some write on every one fails: the appends are refused, none is acknowledged, nothing is lost."""
    acknowledged = _faulted(made, tmp_path, "pwrite64", "error=ENOSPC", 60, lasting="+")
    assert len(acknowledged) < COUNT


# --- power ------------------------------------------------------------------------------------------------------------

_CALL = re.compile(
    r"^\d+ +(?P<name>pwrite64|fdatasync|fsync|ftruncate|write)\((?P<fd>\d+)<(?P<path>[^>]*)>(?:, (?P<rest>.*))?\) += (?P<result>-?\d+)",
)
_SECTOR = 512


@dataclass(frozen=True)
class Call:
    name: str
    path: str
    data: bytes = b""
    offset: int = 0


def _seen(trace: Path) -> Iterator[Call]:
    for line in trace.read_text(encoding="ascii", errors="replace").splitlines():
        match = _CALL.match(line)
        if match is None:
            continue
        name, path, rest = match["name"], match["path"], match["rest"] or ""
        if name in ("pwrite64", "write"):
            text, _, numbers = rest.rpartition('"')
            data = bytes.fromhex(text.removeprefix('"').replace("\\x", ""))
            offset = int(numbers.split(", ")[-1]) if name == "pwrite64" else 0
            assert len(data) == int(match["result"]), "strace cut it"
            yield Call(name, path, data, offset)
        else:
            yield Call(name, path, offset=int(rest) if name == "ftruncate" else 0)


class Disk:
    """Files as they would be found after the power came back."""

    def __init__(self, made: Path, folder: str) -> None:
        self.folder = folder
        self.durable = {path.name: bytearray(path.read_bytes()) for path in made.iterdir()}
        self.pending: list[Call] = []
        self.acknowledged: list[str] = []
        self._length = {name: len(content) for name, content in self.durable.items()}

    def see(self, call: Call) -> None:
        if call.name == "write" and not call.path.startswith(self.folder):
            text = call.data.decode("ascii", "replace").strip()
            if re.fullmatch(r"[0-9a-f]{32}", text):
                self.acknowledged.append(text)
        elif call.path.startswith(f"{self.folder}/journal.db"):
            if call.name in ("fdatasync", "fsync"):
                for one in [one for one in self.pending if one.path == call.path]:
                    self._put(self.durable, one)
                    self.pending.remove(one)
            else:
                self.pending.append(self._placed(call))

    def _placed(self, call: Call) -> Call:
        """Where it was written: ``write`` is what lengthens the log, at its end."""
        name = Path(call.path).name
        length = self._length.get(name, 0)
        placed = replace(call, offset=length) if call.name == "write" else call
        end = placed.offset + len(placed.data)
        self._length[name] = end if call.name == "ftruncate" else max(length, end)
        return placed

    def after_power_loss(self, draw: random.Random, folder: Path) -> None:
        """What was not synced is there in part, in any order."""
        files = {name: bytearray(content) for name, content in self.durable.items()}
        for call in self.pending:
            fate = draw.choice(["kept", "lost", "torn"])
            if fate == "kept":
                self._put(files, call)
            elif fate == "torn" and call.data:
                sectors = draw.randint(0, len(call.data) // _SECTOR)
                self._put(files, Call(call.name, call.path, call.data[: sectors * _SECTOR], call.offset))
        folder.mkdir()
        for name, content in files.items():
            if not name.endswith("-shm"):  # made anew from the write-ahead log by whoever opens it first
                (folder / name).write_bytes(content)

    @staticmethod
    def _put(files: dict[str, bytearray], call: Call) -> None:
        content = files.setdefault(Path(call.path).name, bytearray())
        if call.name == "ftruncate":
            del content[call.offset :]
            return
        end = call.offset + len(call.data)
        content.extend(bytes(max(0, end - len(content))))
        content[call.offset : end] = call.data


@pytest.fixture(scope="module")
def calls(made: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Call]]:
    base = tmp_path_factory.mktemp("power")
    folder = Path(shutil.copytree(made, base / "traced"))
    trace = base / "trace"
    wanted = "trace=pwrite64,fdatasync,fsync,ftruncate,write"
    code, acknowledged = _traced(folder, "-o", str(trace), "-y", "-xx", "-s", "70000", "-e", wanted)
    assert (code, len(acknowledged)) == (0, COUNT)
    # Paths are in hex too.
    text = re.sub(
        r"(\d)<((?:\\x[0-9a-f]{2})+)>",
        lambda found: f"{found[1]}<{bytes.fromhex(found[2].replace(chr(92) + 'x', '')).decode()}>",
        trace.read_text(encoding="ascii"),
    )
    trace.write_text(text, encoding="ascii")
    seen = list(_seen(trace))
    assert sum(call.name == "fdatasync" for call in seen) >= COUNT
    assert any(call.name == "write" and call.path == f"{folder}/journal.db-wal" for call in seen), (
        "room is made meanwhile"
    )
    return str(folder), seen


def _cut(made: Path, calls: tuple[str, list[Call]], at: int, seed: int, folder: Path) -> int:
    traced, seen = calls
    disk = Disk(made, traced)
    for call in seen[:at]:
        disk.see(call)
    disk.after_power_loss(random.Random(seed), folder)
    _whole(folder, disk.acknowledged)
    shutil.rmtree(folder)
    return len(disk.acknowledged)


def test_power_lost_at_any_moment(made: Path, calls: tuple[str, list[Call]], tmp_path: Path) -> None:
    draw = random.Random(7)
    lost_at = [len(calls[1]), *(draw.randint(1, len(calls[1])) for _ in range(60))]
    found = [_cut(made, calls, at, seed, tmp_path / "cut") for seed, at in enumerate(lost_at)]
    assert found[0] == COUNT
    assert len(set(found)) > 3, "the moments differ"


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_power_lost_at_every_moment(made: Path, calls: tuple[str, list[Call]], tmp_path: Path) -> None:
    for at in range(1, len(calls[1]) + 1):
        for seed in range(5):
            _cut(made, calls, at, at * 5 + seed, tmp_path / "cut")


def test_the_simulation_bites(made: Path, calls: tuple[str, list[Call]], tmp_path: Path) -> None:
    """Were entries acknowledged before they are synced, this would be seen: here the syncs are left out."""
    traced, seen = calls
    lost = 0
    for seed in range(10):
        disk = Disk(made, traced)
        for call in seen:
            if call.name != "fdatasync":
                disk.see(call)
        folder = tmp_path / f"{seed}"
        disk.after_power_loss(random.Random(seed), folder)
        try:
            _whole(folder, disk.acknowledged)
        except (AssertionError, RecordError):
            lost += 1
    assert lost > 5

"""A hand-over against a plain copy: many small files, or one large one, to S3 (moto, in a process of its own: ``s3_server.py``) or to a real sshd by SFTP.

The plain copy is what one would write with boto3 (`upload_file` with its own threads) or paramiko (`put`, `getfo`): the same digests of each file
when it is read (SHA-256 and SHA-512, which the package's manifests need), then everything read back and its SHA-256 compared. What ours does
besides is the difference: a ledger, a package with manifests, a second look at source and destination. In the same process, in turns.

For a large file, `detail.resent_parts` says what is sent again after the process that sends one of an eighth of its size was killed while a part
was on its way, and `detail.grown_mb` how much more memory the large file took than that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import multiprocessing
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import SecretBytes

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.providers.ssh import account, sshds
from benchmarks.registry import BenchmarkFailed
from tenantry.errors import InvalidTenant
from tenantry.handover.bag import BagInfo
from tenantry.handover.deliver import deliver
from tenantry.handover.place import Held
from tenantry.handover.source import FolderSource

_TARGET: Final = 1.3
_SMALL: Final = (10_000, 4_096)
_LARGE: Final = 1024 * 1024 * 1024
_BUCKET: Final = "bench"
_REGION: Final = "eu-central-1"
_INFO: Final = BagInfo("Bench", "Bench", "bench@example.com", "Bench", "bench", date(2026, 1, 1))
_ENOUGH: Final = 60.0
"""Seconds past which no further round is begun: of 10,000 small files to S3 each round takes two minutes, mostly botocore's and moto's."""
_TETHER: Final = ("setpriv", "--pdeathsig", "TERM")


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """The median ratio of the rounds: three, or fewer where a further one would take it past `_ENOUGH`.

    Args:
        option: ``s3-small``, ``s3-large``, ``sftp-small`` or ``sftp-large``.
    """
    vendor, _, kind = str(option).partition("-")
    shrink = float(os.environ.get("TENANTRY_BENCH_TRANSFER", "0.01" if scale.quick else "1"))
    rounds = 1 if scale.quick else 3
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as temporary, _server(vendor) as server:
        folder = Path(temporary)
        source = _made(folder / "source", kind, shrink)
        part = 8 * 1024 * 1024
        detail: dict[str, Any] = {"files": sum(1 for _ in source.iterdir()), "bytes": _size(source)}
        if kind == "large":
            eighth = folder / "eighth"
            eighth.mkdir()
            _random(eighth / "file", max(3 * part, _size(source) // 8))
            _ours(server, eighth, folder / "warm", "warm")
            before = peak_rss_mb()
        ours, plain = list[float](), list[float]()
        for turn in range(rounds):
            spent = sum(ours) + sum(plain)
            if turn and spent + spent / turn > _ENOUGH:
                break
            ours.append(_timed(partial(_ours, server, source, folder / f"work-{turn}", f"ours-{turn}")))
            if turn == 0 and kind == "large":
                detail["grown_mb"] = round(peak_rss_mb() - before, 1)
            plain.append(_timed(partial(server.plain, source, f"plain-{turn}")))
        if kind == "large":
            again = _killed(server, eighth, folder / "killed")
            detail["resent_parts"] = round(again / part, 2)
        peak = peak_rss_mb()
    ratio = statistics.median(mine / base for mine, base in zip(ours, plain, strict=True))
    met = ratio <= _TARGET and detail.get("resent_parts", 0) <= 1
    return Bench(
        name=name,
        value=round(statistics.median(ours), 3),
        unit="s",
        baseline=Baseline(f"plain {server.library} that hashes at both ends", round(statistics.median(plain), 3)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET}" + (", at most one part sent again" if kind == "large" else ""),
        met=met,
        peak_rss_mb=peak,
        detail={**detail, "ours_s": summary(ours), "plain_s": summary(plain), "share_of_full_size": shrink},
    )


def _ours(server: Any, source: Path, work: Path, where: str, wrap: Callable[[Any], Any] = lambda place: place) -> int:
    """Bytes of the payload that were sent."""

    async def go() -> int:
        async with server.place(where) as place:
            receipt = await deliver(FolderSource(source), wrap(place), work, _INFO)
        return receipt.sent

    return asyncio.run(go())


def _killed(server: Any, source: Path, work: Path) -> int:
    """Bytes that were sent again after a process was killed with a part on its way, half-way through."""
    sent = work.with_name("sent")
    sent.write_bytes(b"")
    parts = -(-_size(source) // (8 * 1024 * 1024))
    child = multiprocessing.get_context("spawn").Process(
        target=_until_killed, args=(server, source, work, sent, max(1, parts // 2))
    )
    child.start()
    child.join(280)
    if child.exitcode != -signal.SIGKILL:
        raise BenchmarkFailed("the process that was to be killed ended by itself")
    before = sum(map(int, sent.read_text().split()))
    return before + _ours(server, source, work, "killed") - _size(source)


def _until_killed(server: Any, source: Path, work: Path, sent: Path, last: int) -> None:
    """In a process of its own: hands over until so many parts were begun."""
    _ours(server, source, work, "killed", lambda place: _Counting(place, sent, last))


class _Counting:
    """A place that notes what is sent, and takes the process down while its last part is on its way."""

    def __init__(self, real: Any, sent: Path, last: int) -> None:
        self._real = real
        self._sent = sent
        self._last = last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    async def held(self, name: str, size: int, token: str) -> Held:
        found: Held = await self._real.held(name, size, token)
        return found

    async def part(self, name: str, token: str, number: int, offset: int, data: bytes) -> None:
        with self._sent.open("a") as out:
            out.write(f"{len(data)}\n")
        if number + 1 >= self._last:
            asyncio.get_running_loop().call_later(0.005, os.kill, os.getpid(), signal.SIGKILL)
        await self._real.part(name, token, number, offset, data)
        if number + 1 >= self._last:
            os.kill(os.getpid(), signal.SIGKILL)


# --- files ------------------------------------------------------------------------------------------------------------


def _made(folder: Path, kind: str, shrink: float) -> Path:
    folder.mkdir()
    if kind == "large":
        _random(folder / "file", max(24 * 1024 * 1024, int(_LARGE * shrink)))
    else:
        count, size = max(50, int(_SMALL[0] * shrink)), _SMALL[1]
        for number in range(count):
            (folder / f"{number:05d}").write_bytes(os.urandom(size))
    return folder


def _random(path: Path, size: int) -> None:
    block = os.urandom(1024 * 1024)
    with path.open("wb") as out:
        for at in range(0, size, len(block)):
            out.write(at.to_bytes(8, "big") + block[8 : min(len(block), size - at)])


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


class _Sha:
    """A file that keeps nothing but the digest of what is written to it."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return len(data)


def _read(path: Path) -> bytes:
    """Both digests of a file; gives SHA-256."""
    sha256, sha512 = hashlib.sha256(), hashlib.sha512()
    with path.open("rb") as file:
        while piece := file.read(1024 * 1024):
            sha256.update(piece)
            sha512.update(piece)
    return sha256.digest()


# --- servers ----------------------------------------------------------------------------------------------------------


class S3:
    """moto at a port."""

    library = "boto3"

    def __init__(self, url: str) -> None:
        self.url = url

    @contextlib.asynccontextmanager
    async def place(self, where: str) -> AsyncIterator[Any]:
        from integrations.aws.provider import PROVIDER
        from tenantry.providers import Estate

        async def secret(name: str) -> SecretBytes:
            if name != "key":
                raise InvalidTenant(f"there is no {name}")
            return SecretBytes(b"AKIABENCHBENCHBENCH0:bench")

        number = "123456789012"
        settings = {"account": number, "role": "Bench", "external_id": "bench-external", "regions": [_REGION]}
        handle = await PROVIDER.open(settings, secret, estate=Estate({"endpoint_url": self.url}, number))
        try:
            yield handle.place(_BUCKET, where)
        finally:
            await handle.aclose()

    def client(self) -> Any:
        import boto3

        return boto3.client(
            "s3",
            region_name=_REGION,
            endpoint_url=self.url,
            aws_access_key_id="bench",
            aws_secret_access_key="bench",  # moto asks nobody
        )

    def plain(self, source: Path, where: str) -> None:
        client = self.client()
        for path in sorted(source.iterdir()):
            sha256 = _read(path)
            client.upload_file(str(path), _BUCKET, f"{where}/{path.name}")
            back = _Sha()
            body = client.get_object(Bucket=_BUCKET, Key=f"{where}/{path.name}")["Body"]
            for piece in body.iter_chunks(1024 * 1024):
                back.write(piece)
            if back.digest.digest() != sha256:
                raise BenchmarkFailed("the plain copy is another file")
        client.close()


class Sftp:
    """An sshd at a port."""

    library = "paramiko"

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @contextlib.asynccontextmanager
    async def place(self, where: str) -> AsyncIterator[Any]:
        from integrations.linux.provider import PROVIDER

        async def secret(name: str) -> SecretBytes:
            if name != "key":
                raise InvalidTenant(f"there is no {name}")
            return SecretBytes((self.folder / "user").read_bytes())

        host = {"address": "127.0.0.1", "port": self.port, "host_keys": [(self.folder / "host.pub").read_text()]}
        handle = await PROVIDER.open({"account": account(), "hosts": {"there": host}}, secret)
        place = handle.place("there", str(self.folder / where))
        try:
            yield place
        finally:
            await place.aclose()
            await handle.aclose()

    def plain(self, source: Path, where: str) -> None:
        import paramiko

        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())  # a host of our own
        client.connect("127.0.0.1", self.port, username=account(), key_filename=str(self.folder / "user"))
        with client, client.open_sftp() as sftp:
            sftp.mkdir(str(self.folder / where))
            for path in sorted(source.iterdir()):
                sha256, there = _read(path), str(self.folder / where / path.name)
                sftp.put(str(path), there)
                back = _Sha()
                sftp.getfo(there, back)
                if back.digest.digest() != sha256:
                    raise BenchmarkFailed("the plain copy is another file")


@contextlib.contextmanager
def _server(vendor: str) -> Iterator[Any]:
    if vendor == "sftp":
        with sshds(1) as (folder, (port,)):
            yield Sftp(folder, port)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    tether = _TETHER if shutil.which(_TETHER[0]) else ()
    process = subprocess.Popen(
        [*tether, sys.executable, "-m", "benchmarks.transfer.s3_server", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server = S3(f"http://127.0.0.1:{port}")
        for _ in range(1500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if process.poll() is not None:
                raise BenchmarkFailed("there is no moto here", remedy="Install the development requirements.")
            time.sleep(0.02)
        client = server.client()
        client.create_bucket(Bucket=_BUCKET, CreateBucketConfiguration={"LocationConstraint": _REGION})
        client.close()
        yield server
    finally:
        process.terminate()
        process.wait()

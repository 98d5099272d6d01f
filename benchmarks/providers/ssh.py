"""Fan-out over SSH: sign in to many hosts and run a few commands on each, against plain paramiko doing the same.

Real sshds of this machine, on ports of loopback, started for this and ended with it. Plain paramiko has the same number of
threads, the same key and known host keys, and TCP_NODELAY too, so that what is compared is what our provider adds: strict
verification, quoting, limits, cancellation, the way through asyncio. The baseline runs in the same process, in turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.model import Baseline, Bench, Scale, peak_rss_mb, summary
from benchmarks.registry import BenchmarkFailed

_TARGET = 1.3
_COMMANDS = 4
_THREADS = 32
_TETHER = ("setpriv", "--pdeathsig", "TERM")
"""They end with us, however we end."""
_CONFIG = """
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
MaxStartups 200
SetEnv SHLVL=2
Subsystem sftp internal-sftp
"""
"""SHLVL: bash takes itself for a shell within a shell, and reads no ``.bashrc``. What stands in that of this machine's user would be most of the time."""


def measure(name: str, scale: Scale, option: Any) -> Bench:
    """The median ratio over rounds of one fan-out by each, in turns, each with new connections.

    Args:
        option: how many hosts.
    """
    hosts = 4 if scale.quick else int(option)
    rounds = 1 if scale.quick else 3
    with sshds(hosts) as (folder, ports):
        plain: list[float] = []
        ours: list[float] = []
        cpu: list[float] = []
        for turn in range(rounds + 1):
            base, base_cpu = _taken(lambda: _plain(folder, ports))
            took, took_cpu = _taken(lambda: asyncio.run(_ours(folder, ports)))
            if turn:  # the first fills caches
                plain.append(base)
                ours.append(took)
                cpu.append(took_cpu / base_cpu if base_cpu else 1.0)
    ratio = statistics.median(mine / base for mine, base in zip(ours, plain, strict=True))
    return Bench(
        name=name,
        value=round(statistics.median(ours), 4),
        unit="s",
        baseline=Baseline(f"paramiko, {_THREADS} threads", round(statistics.median(plain), 4)),
        ratio=round(ratio, 3),
        target=f"ratio <= {_TARGET}",
        met=ratio <= _TARGET,
        peak_rss_mb=peak_rss_mb(),
        detail={
            "hosts": hosts,
            "commands_each": _COMMANDS,
            "ours_s": summary(ours, 4),
            "plain_s": summary(plain, 4),
            "cpu_ratio": summary(cpu, 3),
        },
    )


def _taken(work: Any) -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    before, begun = used.ru_utime + used.ru_stime, time.perf_counter()
    work()
    took, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
    return took, used.ru_utime + used.ru_stime - before


def _plain(folder: Path, ports: list[int]) -> None:
    import paramiko

    key = paramiko.Ed25519Key.from_private_key_file(str(folder / "user"))
    known = paramiko.HostKeys()
    host_key = paramiko.Ed25519Key.from_private_key_file(str(folder / "host"))
    for port in ports:
        known.add(f"[127.0.0.1]:{port}", host_key.get_name(), host_key)

    def one(port: int) -> None:
        client = paramiko.SSHClient()
        client._host_keys = known
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        sock = socket.create_connection(("127.0.0.1", port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect("127.0.0.1", port, account(), pkey=key, sock=sock, allow_agent=False, look_for_keys=False)
        for number in range(_COMMANDS):
            _, out, _ = client.exec_command(f"echo {number}")
            if out.read() != f"{number}\n".encode() or out.channel.recv_exit_status():
                raise BenchmarkFailed("plain paramiko read something else")
        client.close()

    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(one, ports))


async def _ours(folder: Path, ports: list[int]) -> None:
    from pydantic import SecretBytes

    from integrations.linux.command import Command
    from integrations.linux.provider import PROVIDER
    from tenantry.errors import InvalidTenant

    async def secret(name: str) -> SecretBytes:
        if name != "key":
            raise InvalidTenant(f"there is no {name}")
        return SecretBytes((folder / "user").read_bytes())

    public = (folder / "host.pub").read_text()
    settings = {
        "account": account(),
        "hosts": {f"host{n}": {"address": "127.0.0.1", "port": p, "host_keys": [public]} for n, p in enumerate(ports)},
    }
    handle = await PROVIDER.open(settings, secret)
    turns = asyncio.Semaphore(_THREADS)

    async def one(connection: Any) -> None:
        async with turns:
            for number in range(_COMMANDS):
                outcome = await connection.read(Command.of("echo", str(number)))
                if outcome.out != f"{number}\n".encode() or outcome.code:
                    raise BenchmarkFailed("our client read something else")

    await asyncio.gather(*(one(connection) for connection in handle.connections()))
    await handle.aclose()


def account() -> str:
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def sshds(count: int) -> Iterator[tuple[Path, list[int]]]:
    """That many sshds, and their ports."""
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(sshd).exists():
        raise BenchmarkFailed("there is no sshd here", remedy="Install the packages in requirements/debian.txt.")
    with tempfile.TemporaryDirectory(prefix="tenantry-bench-") as name:
        folder = Path(name)
        for key in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key], check=True)
        shutil.copy(folder / "user.pub", folder / "authorized")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        running: list[subprocess.Popen[bytes]] = []
        ports: list[int] = []
        try:
            for number in range(count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", 0))
                    port = probe.getsockname()[1]
                config = folder / f"config{number}"
                config.write_text(_CONFIG.format(port=port, folder=folder))
                running.append(
                    subprocess.Popen(
                        [*_TETHER, sshd, "-D", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                    )
                )
                ports.append(port)
            for port in ports:
                _wait(port)
            yield folder, ports
        finally:
            for process in running:
                process.terminate()
            for process in running:
                process.wait()


def _wait(port: int) -> None:
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise BenchmarkFailed(f"the sshd at port {port} did not start")

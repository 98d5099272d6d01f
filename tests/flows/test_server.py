"""One embedded server a home, however many commands want one at once; it ends when nobody uses it any more."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.server import answers, find
from tenantry.home import Home
from tests.support.waiting import until

SCRIPT = """
import sys
from flows import launch
from flows.assembly import Installation
with Installation.open() as installation, launch.server(installation) as server:
    print(server.url, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").ensure()


@pytest.fixture
def two(home: Home) -> Iterator[list[subprocess.Popen[str]]]:
    """Two commands that want a server at the same moment."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            env={**environment, "TENANTRY_HOME": str(home.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
        )
        for _ in range(2)
    ]
    yield started
    for process in started:
        process.kill()
        process.wait()


def servers(home: Home) -> int:
    """Processes that serve Prefect for this home."""
    found = 0
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                environment = (folder / "environ").read_bytes().split(b"\0")
            except OSError:
                continue
            ours = f"TENANTRY_HOME={home.path}".encode()
            found += b"flows.server_process" in words and ours in environment
    return found


def test_two_commands_at_once_share_one_server(home: Home, two: list[subprocess.Popen[str]]) -> None:
    urls = {process.stdout.readline() for process in two if process.stdout is not None}
    assert len(urls) == 1
    assert servers(home) == 1
    running = find(home)
    assert running is not None
    # Whichever of them started it: it is there for the other until that has ended too.
    for process in two[:1]:
        process.communicate("\n", timeout=60)
    assert answers(running)
    assert find(home) is not None
    two[1].kill()  # however it ends
    until(lambda: servers(home) == 0, "the server is still there")
    assert find(home) is None

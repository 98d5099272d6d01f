from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenantry.home import Home
from tenantry.vault import Vault
from tests.support.canary import leaks

CANARY = "canary~held-while-it-crashed/44"
CRASHES = {
    "segmentation fault": "ctypes.string_at(0)",
    "abort": "os.abort()",
    "nobody caught it": "raise RuntimeError('it crashed')",
}
PROGRAM = """\
import ctypes, faulthandler, os, resource, sys
from pathlib import Path
from tenantry import dumps, logs
from tenantry.home import Home
from tenantry.vault import Vault

resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
{forbid}
faulthandler.enable()
home = Home(Path(sys.argv[1]))
logs.configure()

def holds(vault):
    held = vault.get("acme", "a", purpose="a crash")
    plain = held.get_secret_value().decode()
    {crash}

with Vault.open(home) as vault:
    holds(vault)
"""


def test_what_is_started_afterwards_leaves_no_memory_on_the_disk_either() -> None:
    script = (
        "import resource, subprocess, sys\n"
        "resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))\n"
        "from tenantry import dumps\n"
        "dumps.forbid()\n"
        "inner = 'import resource; print(resource.getrlimit(resource.RLIMIT_CORE))'\n"
        "print(subprocess.run([sys.executable, '-c', inner], capture_output=True, text=True, check=True).stdout.strip())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "(0, 0)"


def crashed(folder: Path, crash: str, forbid: str) -> bool:
    """A process that holds a secret crashes in that folder; whether the kernel wrote its memory."""
    home = Home(folder / "home").ensure()
    with Vault.open(home) as vault:
        vault.create_tenant_key("acme")
        vault.put("acme", "a", CANARY)
    with (folder / "said").open("wb") as said:
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM.format(crash=CRASHES[crash], forbid=forbid), str(home.path)],
            stdout=said,
            stderr=said,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        _, status = os.waitpid(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode != 0
    assert "holds" in (folder / "said").read_text(), (folder / "said").read_text()  # it was there when it crashed
    return os.WCOREDUMP(status)


@pytest.mark.parametrize("crash", CRASHES)
def test_a_secret_that_was_held_in_a_crash_lies_nowhere(crash: str, tmp_path: Path) -> None:
    assert not crashed(tmp_path, crash, "dumps.forbid()")
    assert leaks(tmp_path, {"canary": CANARY}) == []


def test_without_it_the_search_finds_the_secret_in_the_dump(tmp_path: Path) -> None:
    pattern = Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if "/" in pattern or pattern.startswith("|"):
        pytest.skip(f"dumps go elsewhere here: {pattern}")
    if not crashed(tmp_path, "abort", ""):
        pytest.skip("no process may dump core here")
    assert leaks(tmp_path, {"canary": CANARY}) != []

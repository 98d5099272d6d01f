"""The unit file: systemd takes it, and what it names is there."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from console.main import SECTIONS
from flows.service import WORKER_ENDS, _tell_systemd
from tenantry import tether
from tenantry.errors import Conflict, InvalidInput
from tests.support.tools import needs_program

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging" / "systemd" / "tenantry.service"


def unit() -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    section = ""
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line.strip("[]")
            found[section] = {}
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found[section].setdefault(name, []).append(value)
    return found


def test_it_starts_a_command_that_there_is() -> None:
    [line] = unit()["Service"]["ExecStart"]
    program, name, *_ = line.split()
    assert program.endswith("/.venv/bin/tenantry")
    assert any(name in section for section in SECTIONS.values())


@pytest.mark.parametrize(
    "name",
    [
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateDevices=yes",
        "CapabilityBoundingSet=",
        "UMask=0077",
        "StateDirectoryMode=0700",
        "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
        "LimitCORE=0",
    ],
)
def test_it_is_hardened(name: str) -> None:
    key, _, value = name.partition("=")
    assert unit()["Service"][key] == [value]


def test_no_secret_and_no_root() -> None:
    service = unit()["Service"]
    assert service["User"] == ["tenantry"]
    assert not any("PASS" in value.upper() or "TOKEN" in value.upper() for value in service["Environment"])


def test_what_may_be_written_is_the_home() -> None:
    service = unit()["Service"]
    [state] = service["StateDirectory"]
    assert f"TENANTRY_HOME=/var/lib/{state}" in service["Environment"][0]


def test_it_has_the_time_that_it_needs_to_stop() -> None:
    """KillMode=mixed: whatever is left after it is killed, runs' processes in the middle of an effect included."""
    needed = WORKER_ENDS + 2 * tether.GRACE
    assert int(unit()["Service"]["TimeoutStopSec"][0]) > needed


def test_codes_that_starting_again_would_not_help(tmp_path: Path) -> None:
    codes = {int(code) for code in unit()["Service"]["RestartPreventExitStatus"][0].split()}
    assert codes == {InvalidInput.exit_code, Conflict.exit_code}


def test_it_says_when_it_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert unit()["Service"]["Type"] == ["notify"]
    assert unit()["Service"]["NotifyAccess"] == ["main"]  # it is said by the process that systemd started
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        _tell_systemd("READY=1")
        assert systemd.recv(100) == b"READY=1"
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    _tell_systemd("READY=1")  # nobody listens: nothing happens


def test_systemd_takes_it(tmp_path: Path) -> None:
    needs_program("systemd-analyze")
    text = UNIT.read_text(encoding="utf-8").replace("/opt/tenantry/.venv/bin/tenantry", "/bin/true")
    text = text.replace("User=tenantry", "User=root").replace("Group=tenantry", "Group=root")
    file = tmp_path / UNIT.name
    file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert UNIT.name not in done.stderr, done.stderr


def test_it_has_no_name_twice() -> None:
    for section, names in unit().items():
        assert {name for name, values in names.items() if len(values) > 1} <= {"SystemCallFilter"}, section

"""What the lock promises: every distribution pinned by hash, from no particular index, and a Prefect server that starts."""

from __future__ import annotations

import base64
import os
import re
import signal
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from flows.server import credential
from tenantry.home import Home
from tests.support.waiting import until

ROOT = Path(__file__).resolve().parent.parent
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
LOCKS.remove(ROOT / "requirements" / "debian.txt")


def _pins(lock: Path) -> dict[str, tuple[Requirement, list[str]]]:
    """Name → requirement and hashes."""
    pins = {}
    for statement in lock.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        text = statement.split(" #")[0].strip()
        if not text or text.startswith("#"):
            continue
        required, *hashes = re.split(r"\s+--hash=", text)
        requirement = Requirement(required)
        pins[canonicalize_name(requirement.name)] = (requirement, [one.strip() for one in hashes])
    return pins


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
class TestEveryLock:
    def test_every_requirement_is_one_version_with_hashes(self, lock: Path) -> None:
        pins = _pins(lock)
        assert pins
        for name, (requirement, hashes) in pins.items():
            assert [one.operator for one in requirement.specifier] == ["=="], name
            assert requirement.url is None, name
            assert hashes, name
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), name

    def test_it_names_no_index(self, lock: Path) -> None:
        for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), 1):
            assert "://" not in line, f"{lock.name}:{number} names an address"
            assert not re.match(
                r"\s*(--?(i|f|index-url|extra-index-url|find-links|trusted-host|e|editable|r|c)\b)", line
            )


def test_prefect_is_the_release_that_was_measured() -> None:
    requirement, _ = _pins(ROOT / "requirements" / "dev.txt")["prefect"]
    assert str(requirement.specifier) == "==3.8.8"
    assert version("prefect") == "3.8.8"


def test_fastapi_is_one_that_prefect_works_on() -> None:
    """From 0.154 on the server does not start. From 0.151 on it answers 422 where Prefect's own client sends null for a
    field with a default, and `prefect deploy` ends with an error after every deployment."""
    requirement, _ = _pins(ROOT / "requirements" / "dev.txt")["fastapi"]
    (pin,) = requirement.specifier
    assert tuple(int(part) for part in pin.version.split(".")[:2]) < (0, 151)


def test_what_the_project_asks_for_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = _pins(ROOT / "requirements" / "dev.txt")
    for text in (*project["dependencies"], *project["optional-dependencies"]["dev"]):
        asked = Requirement(text)
        requirement, _ = pins[canonicalize_name(asked.name)]
        (pin,) = requirement.specifier
        assert asked.specifier.contains(pin.version, prereleases=True), text


def test_what_is_installed_is_what_is_locked() -> None:
    for name, (requirement, _) in _pins(ROOT / "requirements" / "dev.txt").items():
        if requirement.marker is None or requirement.marker.evaluate():
            (pin,) = requirement.specifier
            assert version(name) == pin.version


# --- the server -------------------------------------------------------------------------------------------------------


def _status(url: str, credentials: str | None) -> int:
    request = urllib.request.Request(url)
    if credentials is not None:
        request.add_header("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


_OWNER = """
import sys, time
from pathlib import Path
from flows.server import EmbeddedServer
from tenantry.home import Home

server = EmbeddedServer(Home(Path(sys.argv[1])).ensure())
print(server.start().url, flush=True)
time.sleep(600)
"""


def _listening(url: str) -> bool:
    try:
        _status(f"{url}/api/health", None)
    except OSError:
        return False
    return True


def test_the_server_starts_refuses_strangers_and_ends_with_its_owner(tmp_path: Path) -> None:
    """One start of the server for all of it: the first start builds its database, which takes 20 s."""
    home = Home(tmp_path / "home").ensure()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    owner = subprocess.Popen(
        [sys.executable, "-c", _OWNER, str(home.path)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    try:
        url = owner.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")

        assert _status(f"{url}/api/admin/version", credential(home)) == 200
        assert _status(f"{url}/api/admin/version", None) == 401
        assert _status(f"{url}/api/admin/version", "tenantry:guess") == 401
        assert _status(f"{url}/api/flow_runs/filter", None) == 401
        credential_file = home.path / "prefect.credential"
        assert credential_file.stat().st_mode & 0o077 == 0

        owner.send_signal(signal.SIGKILL)
        owner.wait()
        until(lambda: not _listening(url), "the server outlived its owner")
    finally:
        owner.kill()
        owner.wait()
        owner.stdout.close()

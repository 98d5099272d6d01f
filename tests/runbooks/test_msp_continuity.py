"""The MSP's own continuity: the shipped plan, drilled on the stand-in, and rehearsed on a scratch host where the platform comes back from its backup."""

from __future__ import annotations

import asyncio
import json
import site
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from flows.assembly import Installation
from flows.pinning import rehearsals
from flows.recording import prepare
from tenantry.backup import RecipientKey, take
from tenantry.decisions import approval_purpose, decide_all
from tenantry.disaster.compile import compiled
from tenantry.disaster.load import parse_plan
from tenantry.home import Home
from tenantry.journal import Event
from tenantry.people import Authenticated
from tenantry.places import SHIPPED
from tenantry.run import Engine, RunState, Status
from tests.support.disaster import BASE, TODAY, registry
from tests.support.hosts import HostNet, TestHost, host_net
from tests.support.recovery import PATIENT, opened
from tests.support.stand import Stand

ROOT = Path(__file__).resolve().parents[2]
UNITS = ROOT / "packaging" / "systemd"
PLAN = (SHIPPED / "disaster" / "plans" / "msp_continuity.yaml").read_text(encoding="utf-8")
TENANT = """\
name: msp
display_name: The MSP itself
contacts: [{id: kim, name: Kim, role: primary, email: kim@msp.example}]
providers: {mail: {vendor: sink, settings: {base_url: 'https://sink.invalid'}}}
"""


def test_the_plan_is_drilled_by_those_who_would_carry_it_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENANTRY_HOME", str(tmp_path))
    home = Home(tmp_path).ensure()
    (home.tenants / "msp" / "disaster").mkdir(parents=True)
    (home.tenants / "msp.yaml").write_text(TENANT)
    # As its first line says: copied, and whose it is.
    (home.tenants / "msp" / "disaster" / "msp_continuity.yaml").write_text(PLAN + "tenant: msp\n")
    with Installation.open(home) as installation:
        installation.vault.create_tenant_key("msp")
        installation.people.add("ann.lee", "Ann", ("engineer",), "*")
        installation.people.enroll("ann.lee", by=None)
        nobody = {"person": None, "proven": False, "via": "test"}
        run_id = prepare(installation, "disaster_activation", "msp", {"plan": "msp_continuity"}, "drill", nobody)
        for _ in range(8):
            state = asyncio.run(_drilled(installation, run_id))
            if state.ended is not None:
                break
            _answered(installation, run_id)
        assert state.ended in (Status.COMPLETED, Status.EXCEPTIONS), installation.view(run_id)["waiting_for"]
        outcomes = {step["id"]: step["outcome"] for step in installation.view(run_id)["steps"]}
        assert {name: outcomes[name] for name in ("record__bring", "record__restore", "service__start")} == {
            "record__bring": "observed",
            "record__restore": "changed",
            "service__start": "changed",
        }
        assert state.items["recovered", None].output["not_shown"] == []
        (trained,) = rehearsals(installation, "msp")
        assert (trained["person"], trained["plan"], trained["kind"]) == ("ann.lee", "msp_continuity", "drill")


async def _drilled(installation: Installation, run_id: str) -> RunState:
    async with installation.access("msp", "drill") as access:
        return await Engine(installation.surroundings(), access).run(run_id)


def _answered(installation: Installation, run_id: str) -> None:
    state = installation.state(run_id)
    now = installation.journal.clock.now()
    proof = Authenticated(installation.people.get("ann.lee"), now, "totp", approval_purpose(run_id), "msp")
    decide_all(installation.journal, installation.people, state, state.open_gates(), proof, "approve", "rehearsed")


# --- on a host --------------------------------------------------------------------------------------------------------

SETUP = f"""
chroot . useradd --system --home-dir /var/lib/tenantry --shell /usr/sbin/nologin tenantry
install -d -m 755 opt/python opt/tenantry/src opt/tenantry/site opt/tenantry/.venv/bin
mount --bind {sys.base_prefix} opt/python
mount --bind {ROOT} opt/tenantry/src
mount --bind {site.getsitepackages()[0]} opt/tenantry/site
cat > opt/tenantry/.venv/bin/tenantry <<'END'
#!/bin/sh
export PYTHONPATH=/opt/tenantry/src:/opt/tenantry/site PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/python3 -c 'from console.main import main; main()' "$@"
END
chmod 755 opt/tenantry/.venv/bin/tenantry
install -m 644 {UNITS}/tenantry-restore.service {UNITS}/tenantry.service etc/systemd/system/
chroot . install -d -o tenantry -g tenantry -m 0700 /var/lib/tenantry-restore
"""
"""An empty host with the installation and its units, as packaging/systemd/tenantry-restore.service says; the account sees nothing of /root and /home."""


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[tuple[HostNet, TestHost]]:
    with host_net(tmp_path) as net:
        (host,) = net.add("scratch", setup=SETUP, systemd=True)
        yield net, host


def backed_up(folder: Path) -> tuple[bytes, bytes, int]:
    """A home with something in it: its backup, the private key for it, and how many entries its record has."""
    private = X25519PrivateKey.generate()
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with Installation.open(Home(folder).ensure()) as installation:
        installation.vault.create_tenant_key("acme")
        installation.journal.append("acme", [Event("note", {"text": f"what happened, part {n}"}) for n in range(20)])
        file = folder.with_suffix(".tnb")
        with file.open("wb") as out:
            take(installation.home, installation.journal, out, RecipientKey(public), by="ann")
        entries = installation.journal.verify().entries
    return file.read_bytes(), private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), entries


@pytest.mark.torture  # `make test` restores an empty home (tests/console/commands/test_backup.py) and drills the plan
async def test_the_platform_comes_back_on_an_empty_host(scratch: tuple[HostNet, TestHost], tmp_path: Path) -> None:
    net, host = scratch
    backup, key, entries = await asyncio.to_thread(backed_up, tmp_path / "old")
    stand = Stand(tmp_path / "home", registry())
    stand.person("ann", "approver", "engineer")
    plan = (PLAN + "tenant: acme\n").replace("ann.lee", "ann")
    loaded = parse_plan(plan, "msp_continuity.yaml", stand.registry, today=TODAY, known={"ann"})
    text = compiled(loaded, BASE, purpose="rehearsal", graceful=False)
    stand.create(text, {"plan": "msp_continuity", "purpose": "rehearsal"})
    linux = {"settings": net.settings("scratch"), "secrets": {"key": net.key.pem.decode()}}
    linux["capabilities"] = ["host", "host_service"]
    access, handles = await opened(stand, {"linux": linux})
    try:
        for _ in range(8):
            state = await stand.run("run-1", access, PATIENT)
            if state.ended is not None:
                break
            if any(gate.step == "record__bring" for gate in state.open_gates()):
                for name, content in (("tenantry.tnb", backup), ("backup.key", key)):
                    path = f"/var/lib/tenantry-restore/{name}"
                    host.run(f"install -o tenantry -g tenantry -m 0400 /dev/stdin {path}", stdin=content)
            stand.answer("run-1", "ann", reason="as planned")
    finally:
        for handle in handles:
            await handle.aclose()
    said = host.run("journalctl --no-pager -u tenantry-restore | tail -30", check=False)
    assert state.ended is Status.COMPLETED, (stand.view()["waiting_for"], said)
    assert state.items["assess", None].output["down"] == ["record"], "nothing answered before it was restored"
    (record,) = state.items["recovered", None].output["systems"]
    assert (record["state"], record["rto_kept"]) == ("recovered", True)
    verified = json.loads(
        host.run(
            "runuser -u tenantry -- env TENANTRY_HOME=/var/lib/tenantry /opt/tenantry/.venv/bin/tenantry journal verify --json"
        )
    )
    assert verified["ok"] is True
    assert verified["entries"] > entries, "all of the old record, and that it was restored"
    assert host.run("systemctl is-active tenantry.service", check=False).strip() == "inactive", (
        "a rehearsal starts no second platform"
    )
    assert {"disaster-report.html", "training-record.json"} <= {one["name"] for one in state.evidence}
    stand.close()

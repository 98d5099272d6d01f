"""Where credentials may be found after they were connected with, tested, refused, replaced, moved, backed up and restored: in the vault alone.

What the commands print is searched too, with the folder that everything was written to, and the record with its payloads opened.
Which test searches along the other paths stands in ARCHITECTURE.md, "Where a credential is searched for".
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from console import labtenant
from integrations.lab import LabServer
from tenantry.names import MSP
from tests.console.connecting.test_m365 import register, sheet
from tests.console.desk import TENANT, Desk, carry
from tests.integrations.azure_keyvault.test_store import opened as key_vault
from tests.support.canary import leaks, private_lines
from tests.support.key_vault import KeyVault

WORDS = "canary horse battery staple"
WRONG = "canary~never-was-a-secret/42"
NEW = "canary~put-by-a-person/43"


class Heard(Desk):
    """Keeps what commands print."""

    def __call__(self, *args: str, given: str | bytes | None = None) -> Any:
        result = super().__call__(*args, given=given)
        with (self.home.parent / "heard.txt").open("a", encoding="utf-8") as file:
            file.write(f"{args}\n{result.stdout}\n{result.stderr}\n{result.exception!r}\n")
        return result


def values(desk: Desk, tenant: str) -> dict[str, str]:
    """Every version of every secret, as the vault gives it; of PEM what lies between its lines."""
    with desk.opened() as installation:
        vault = installation.vault
        found = {
            f"{one.name} {version.version}": vault.get(tenant, one.name, version.version).get_secret_value()
            for one in vault.list(tenant)
            for version in vault.versions(tenant, one.name)
        }
    return {name: value.decode("latin-1").strip() for name, value in found.items()}


def test_connected_refused_replaced_and_restored(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.launch.resume", carry)
    desk = Heard(desk.home)
    lab = labtenant.lab_for(TENANT, scenario="quiet", users=20, application="here")
    unknown = labtenant.lab_for(TENANT, scenario="quiet", users=20, application="nowhere")
    with LabServer(lab) as server, LabServer(unknown) as other:
        desk.register(server.base_url, lab)
        secrets = {"wrong": WRONG, "new": NEW, "words": WORDS}

        # A second provider, signed in to with a certificate that is made on the way.
        more = ("--provider", "second", "--stand-in", other.base_url)
        begun = desk.json(
            "connect", "m365", TENANT, "--directory", unknown.tenant_id, *more, "-o", str(tmp_path / "sheets"), code=3
        )
        client = register((unknown, other.base_url), begun)
        connected = desk.json("connect", "m365", TENANT, "--provider", "second", "--client-id", client, code=3)
        httpx.post(sheet(connected, "m365-consent.txt").strip())
        desk("tenants", "check", TENANT)

        assert desk.json("vault", "rotate", "--tenant", TENANT, "m365/client-secret")["status"] == "completed"
        secrets |= values(desk, TENANT)

        # One that does not work, told by the command, by a run and by a rotation.
        desk.json("vault", "put", "--tenant", TENANT, "m365/client-secret", given=WRONG)
        assert desk("tenants", "check", TENANT).exit_code == 1
        stopped = desk.json("vault", "rotate", "--tenant", TENANT, "m365/client-secret", code=4)
        assert stopped["status"] == "paused_by_failed_step"
        desk("timeline", stopped["run_id"], "--format", "html", "-o", str(tmp_path / "stopped.html"))
        desk("evidence", "export", stopped["run_id"], "-o", str(tmp_path / "bundle"))
        desk.json("vault", "put", "--tenant", TENANT, "by-hand", given=NEW)

        (desk.home / "estate.yaml").write_text("secret_stores: {azure: {vendor: azure_keyvault}}\n", encoding="utf-8")
        service = KeyVault()
        monkeypatch.setattr("flows.assembly.store_opener", lambda _home: lambda _name, _secret: key_vault(service))
        moved = desk.json("vault", "move", "--tenant", TENANT, "--to", "azure")
        assert moved["equal"]
        assert NEW in values(desk, TENANT).values()  # each store has numbers of its own
        assert desk.json("vault", "move", "--tenant", TENANT, "--to", "embedded")["deleted"]
        assert service._live == service._deleted == {}
        (desk.home / "estate.yaml").unlink()  # with it, a new master key takes a lead who proves it

        desk.json("vault", "rotate-master", given="")
        desk.json("backup", "-o", str(tmp_path / "backup.tnb"), given=f"{WORDS}\n")
        monkeypatch.setenv("TENANTRY_HOME", str(tmp_path / "restored"))
        again = Heard(tmp_path / "restored")
        again.json("restore", str(tmp_path / "backup.tnb"), given=f"{WORDS}\n")
        restored = values(again, TENANT)
        assert NEW in restored.values()
        secrets |= restored
    with desk.opened() as installation:
        record = [r.payload for tree in (TENANT, MSP) for r in installation.journal.tail(tree)]
    (tmp_path / "record.json").write_text(json.dumps(record), encoding="utf-8")
    assert {"wrong", "m365/client-secret 1", "m365/client-secret 2", "second/certificate 1"} <= secrets.keys()
    secrets |= private_lines(secrets.pop("second/certificate 1"))
    assert len(secrets) > 20
    assert leaks(tmp_path, secrets) == []

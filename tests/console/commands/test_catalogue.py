"""Tenants, runbooks, tasks: what there is, what is wrong with it, whether a tenant is ready."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.console.desk import PLAIN, SMALL, TENANT, Desk
from tests.support.cacao import complaints

ACME = """\
name: acme
display_name: Acme Ltd
domains: [acme.example]
contacts:
  - {id: jo, name: Jo Doe, role: primary, email: jo@acme.example, phone: "+49 30 5550101"}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "client.yaml"
    path.write_text(ACME, encoding="utf-8")
    return path


class TestTenants:
    def test_add_list_show(self, desk: Desk, file: Path) -> None:
        assert desk.json("tenants", "add", str(file))["name"] == "acme"
        [row] = desk.json("tenants", "list")
        assert row["display_name"] == "Acme Ltd"
        assert row["frozen"] is None
        shown = desk.json("tenants", "show", "acme")
        assert shown["contacts"][0]["name"] == "Jo Doe"
        assert "Acme Ltd" in desk("tenants", "list").stdout
        assert "Jo Doe" in desk("tenants", "show", "acme").stdout
        with desk.opened() as installation:
            assert installation.vault.tenants() == ("acme",)
        assert "tenant.added" in desk.estate_events()

    def test_adding_twice_takes_replace(self, desk: Desk, file: Path) -> None:
        desk.json("tenants", "add", str(file))
        file.write_text(ACME.replace("Acme Ltd", "Acme plc"), encoding="utf-8")
        assert "exists already" in desk.refused("tenants", "add", str(file), code=5)
        assert desk.json("tenants", "show", "acme")["display_name"] == "Acme Ltd"
        desk.json("tenants", "add", str(file), "--replace")
        assert desk.json("tenants", "show", "acme")["display_name"] == "Acme plc"

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("name: acme\ndisplay_name: Acme\ncolour: red\n", "client.yaml:3"),
            ("name: ACME\ndisplay_name: Acme\n", "client.yaml:1"),
            ("name: acme\nname: acme\ndisplay_name: Acme\n", "client.yaml:2"),
            ("name: [\n", "client.yaml:"),
            ("", "client.yaml"),
            (
                "name: acme\ndisplay_name: A\nproviders:\n  m:\n    vendor: microsoft365\n    secrets: {client_secret: hunter2}\n",
                "client.yaml:6",
            ),
        ],
    )
    def test_a_wrong_file_is_refused_with_its_line_and_without_its_values(
        self, desk: Desk, file: Path, text: str, said: str
    ) -> None:
        file.write_text(text, encoding="utf-8")
        message = desk.refused("tenants", "add", str(file), code=2)
        assert said in message
        assert "hunter2" not in message
        assert desk.json("tenants", "list") == []

    def test_what_is_not_there(self, desk: Desk, tmp_path: Path) -> None:
        assert desk.refused("tenants", "add", str(tmp_path / "none.yaml"), code=2)
        assert "no tenant globex" in desk.refused("tenants", "show", "globex", code=2)
        assert "no tenant globex" in desk.refused("tenants", "check", "globex", code=2)

    def test_a_broken_file_does_not_hide_the_others(self, desk: Desk, file: Path) -> None:
        desk.json("tenants", "add", str(file))
        (desk.home / "tenants" / "broken.yaml").write_text("name: [", encoding="utf-8")
        rows = {row["name"]: row for row in desk.json("tenants", "list")}
        assert rows["acme"]["problem"] is None
        assert "broken.yaml:" in rows["broken"]["problem"]
        assert "broken.yaml:" in desk("tenants", "list").stdout


def least(stand: Desk) -> list[str]:
    """The permissions that `--least-privilege` prints for all runbooks."""
    (document,) = stand.json("tenants", "check", TENANT, "--least-privilege")["providers"]
    return list(document["names"])


class TestCheck:
    def test_a_lab_is_complete(self, stand: Desk) -> None:
        report = stand.json("tenants", "check", TENANT)
        assert report["ok"] is True
        assert report["problems"] == []
        assert all(provider["signed_in"] for provider in report["providers"])
        assert {row["id"] for row in report["runbooks"]} >= {
            "business_email_compromise",
            "compromised_host",
            "malicious_oauth_app",
            "leaked_cloud_key",
            "ransomware",
            "plain",
            "small",
        }
        assert all(row["ready"] for row in report["runbooks"] if row["applies"])
        assert {"business_email_compromise", "plain"} <= {row["id"] for row in report["runbooks"] if row["applies"]}
        assert {c for provider in report["providers"] for c in provider["capabilities"]} == {
            "applications",
            "identity",
            "mail",
            "logs",
            "messenger",
            "host",
            "host_backup",
            *("application_inventory", "directory", "directory_logs", "entitlements", "mail_flow"),
            *("directory_settings", "drives", "managed_devices", "security_alerts", "telephony", "workspace_backup"),
            *("cloud_identity", "cloud", "storage", "dns", "backup", "cloud_logs", "findings", "credentials"),
            "cloud_machines",
        }

    def test_a_runbook_for_systems_that_the_client_has_not_is_no_fault(self, stand: Desk) -> None:
        path = stand.home / "tenants" / f"{TENANT}.yaml"
        file = yaml.safe_load(path.read_text(encoding="utf-8"))
        del file["providers"]["hosts"]
        path.write_text(yaml.safe_dump(file), encoding="utf-8")
        report = stand.json("tenants", "check", TENANT)
        rows = {row["id"]: row for row in report["runbooks"]}
        host = rows["compromised_host"]
        assert (host["applies"], host["ready"], host["not_here"]) == (
            False,
            None,
            ["no provider offers host", "no provider offers host_backup"],
        )
        assert any(
            one.startswith("compromised_host is not for this client: no provider offers host")
            for one in report["warnings"]
        )
        assert "not for this client" in stand("tenants", "check", TENANT).stdout

    @pytest.mark.parametrize(("left_out", "lack"), [("mail", "mail"), ("messages", "messenger")])
    def test_a_capability_that_the_file_leaves_out_is_a_fault(self, stand: Desk, left_out: str, lack: str) -> None:
        path = stand.home / "tenants" / f"{TENANT}.yaml"
        file = yaml.safe_load(path.read_text(encoding="utf-8"))
        if left_out == "mail":
            file["providers"]["m365"]["capabilities"] = ["identity"]
        else:
            del file["providers"]["messages"]
        path.write_text(yaml.safe_dump(file), encoding="utf-8")
        report = stand.json("tenants", "check", TENANT, code=1)
        assert f"business_email_compromise: no provider offers {lack}" in "; ".join(report["problems"])

    def test_what_a_provider_says_of_itself(self, stand: Desk) -> None:
        rows = {row["name"]: row for row in stand.json("tenants", "check", TENANT)["providers"]}
        for row in rows.values():
            assert row["reachable"] is True
            assert abs(row["clock_skew_seconds"]) <= 2
        assert rows["messages"]["direct"] is None

    def test_what_no_runbook_needs_is_named_and_is_no_fault(self, stand: Desk) -> None:
        assert stand.lab is not None
        report = stand.json("tenants", "check", TENANT)
        assert report["ok"] is True
        row = next(row for row in report["providers"] if row["name"] == "m365")
        beyond = {one["name"]: one["instead"] for one in row["over_privileged"]}
        assert "Directory.ReadWrite.All" in beyond
        assert not beyond.keys() & set(least(stand))
        assert any("Directory.ReadWrite.All is more than any runbook needs" in said for said in report["warnings"])
        # With the least that is printed and nothing else, everything is there and nothing is too much.
        others = set(stand.lab.granted_roles) - set(least(stand))
        stand.lab.change_permissions(grant=least(stand), revoke=others)
        report = stand.json("tenants", "check", TENANT)
        assert report["ok"] is True
        assert next(row for row in report["providers"] if row["name"] == "m365")["over_privileged"] == []

    def test_only_a_wider_one(self, stand: Desk) -> None:
        assert stand.lab is not None
        stand.lab.change_permissions(revoke=set(stand.lab.granted_roles))
        stand.lab.change_permissions(grant=["Directory.ReadWrite.All"])
        report = stand.json("tenants", "check", TENANT, code=1)
        row = next(row for row in report["providers"] if row["name"] == "m365")
        (beyond,) = (one for one in row["over_privileged"] if one["name"] == "Directory.ReadWrite.All")
        assert "Device.ReadWrite.All" in beyond["instead"]

    def test_the_least_for_one_runbook(self, stand: Desk) -> None:
        report = stand.json("tenants", "check", TENANT, "--least-privilege", "--runbook", "plain")
        (document,) = report["providers"]
        assert document["format"] == "graph"
        assert set(document["names"]) < set(least(stand))
        text = stand("tenants", "check", TENANT, "--least-privilege", "--runbook", "plain")
        assert text.exit_code == 0
        assert [line for line in text.stdout.splitlines() if not line.startswith("#")] == document["names"]
        assert "no runbook" in stand.refused("tenants", "check", TENANT, "--least-privilege", "--runbook", "x", code=2)

    def test_what_expires_and_what_has_expired(self, stand: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        from integrations.microsoft365.identity import Microsoft365Identity

        now = datetime.now(UTC)

        async def secrets_of(_self: object, _client: str) -> dict[str, datetime]:
            return {"the client secret a": now + timedelta(days=9, hours=1), "the client secret b": now - timedelta(1)}

        monkeypatch.setattr(Microsoft365Identity, "secrets_of", secrets_of)
        report = stand.json("tenants", "check", TENANT, code=1)
        assert "m365: the client secret a expires in 9 days" in report["warnings"]
        assert any("m365: the client secret b expired on" in said for said in report["problems"])

    def test_a_missing_permission_is_named_for_each_runbook_that_needs_it(self, stand: Desk) -> None:
        assert stand.lab is not None
        wider = ("User.ReadWrite.All", "Directory.ReadWrite.All")  # these would cover it
        stand.lab.change_permissions(revoke=["User.EnableDisableAccount.All", *wider])
        report = stand.json("tenants", "check", TENANT, code=1)
        rows = {row["id"]: row for row in report["runbooks"]}
        assert rows["plain"]["ready"] is False
        assert "microsoft365 does not grant User.EnableDisableAccount.All" in rows["plain"]["missing"]
        assert (
            "microsoft365 does not grant User.EnableDisableAccount.All" in rows["business_email_compromise"]["missing"]
        )
        text = stand("tenants", "check", TENANT)
        assert text.exit_code == 1
        assert "User.EnableDisableAccount.All" in text.stdout

    def test_a_sign_in_that_fails(self, stand: Desk) -> None:
        stand.json("vault", "put", "--tenant", TENANT, "m365/client-secret", given="wrong\n")
        report = stand.json("tenants", "check", TENANT, code=1)
        rows = {provider["name"]: provider for provider in report["providers"]}
        assert rows["m365"]["signed_in"] is False
        assert rows["m365"]["problems"]
        assert rows["messages"]["signed_in"] is True
        assert "does not sign in" in str(next(row for row in report["runbooks"] if row["id"] == "plain")["missing"])

    def test_a_defect_of_one_provider_hides_no_other(self, stand: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        from integrations.sink.provider import SinkHandle

        async def broken(_: SinkHandle) -> None:
            raise KeyError("canary-of-an-answer")

        monkeypatch.setattr(SinkHandle, "check", broken)
        report = stand.json("tenants", "check", TENANT, code=1)
        rows = {provider["name"]: provider for provider in report["providers"]}
        assert rows["m365"]["signed_in"] is True
        assert rows["messages"]["signed_in"] is False
        assert "KeyError" in str(rows["messages"]["problems"])
        assert "canary" not in str(report)

    def test_checking_writes_nothing_at_the_tenant(self, stand: Desk) -> None:
        assert stand.lab is not None
        stand("tenants", "check", TENANT)
        assert stand.lab.audit == []

    def test_a_bare_tenant_lacks_nearly_everything(self, desk: Desk, file: Path) -> None:
        desk.runbook(PLAIN)
        file.write_text(ACME + "regimes: [gdpr, moonlaw]\n", encoding="utf-8")
        desk.json("tenants", "add", str(file))
        report = desk.json("tenants", "check", "acme", code=1)
        said = "\n".join(report["problems"])
        for lack in (
            "no provider",
            "no provider offers identity",
            "incident_commander",
            "decides on notification",
            "moonlaw",
            "no enrolled approver",
            "notice_period_hours",
        ):
            assert lack in said, lack
        assert "for gdpr" not in said

    def test_settings_that_a_provider_does_not_take(self, desk: Desk, file: Path) -> None:
        text = ACME + "providers:\n  m365:\n    vendor: microsoft365\n    settings: {tenant_id: not-a-guid}\n"
        file.write_text(text, encoding="utf-8")
        desk.json("tenants", "add", str(file))
        [provider] = desk.json("tenants", "check", "acme", code=1)["providers"]
        assert "settings.tenant_id" in str(provider["problems"])
        assert "not-a-guid" not in str(provider["problems"])

    def test_an_unknown_vendor(self, desk: Desk, file: Path) -> None:
        file.write_text(ACME + "providers:\n  m:\n    vendor: acmecloud\n", encoding="utf-8")
        desk.json("tenants", "add", str(file))
        [provider] = desk.json("tenants", "check", "acme", code=1)["providers"]
        assert "acmecloud" in str(provider["problems"])


class TestRunbooks:
    def test_the_shipped_ones_are_listed_and_load(self, desk: Desk) -> None:
        rows = {row["id"]: row for row in desk.json("runbooks", "list")}
        assert rows["business_email_compromise"]["problems"] == []
        assert rows["business_email_compromise"]["params"][0]["name"] == "account"
        assert "business_email_compromise" in desk("runbooks", "list").stdout

    def test_an_own_one_and_a_broken_one(self, desk: Desk) -> None:
        desk.runbook(SMALL)
        desk.runbook(PLAIN.replace("id: plain", "id: broken").replace("uses: identity", "uses: identitty"))
        rows = {row["id"]: row for row in desk.json("runbooks", "list")}
        assert rows["small"]["kind"] == "incident"
        assert rows["broken"]["kind"] is None
        assert "broken.yaml:" in rows["broken"]["problems"][0]
        assert "broken.yaml:" in desk("runbooks", "list").stdout

    def test_show(self, desk: Desk) -> None:
        desk.runbook(SMALL)
        shown = desk.json("runbooks", "show", "small")
        steps = {step["id"]: step for step in shown["steps"]}
        assert steps["block"]["approval"] == "approver, four eyes"
        assert steps["block"]["needs"] == ["team"]
        assert steps["block"]["impact"] == "reversible"
        text = desk("runbooks", "show", "small").stdout
        assert "identity.disable_sign_in" in text
        assert "The account" in text
        assert "did you mean small" in desk.refused("runbooks", "show", "smal", code=2)

    def test_validate(self, desk: Desk, tmp_path: Path) -> None:
        good = tmp_path / "small.yaml"
        good.write_text(SMALL, encoding="utf-8")
        assert desk.json("runbooks", "validate", str(good))["ok"] is True
        assert "small: valid" in desk("runbooks", "validate", str(good)).stdout
        bad = tmp_path / "plain.yaml"
        bad.write_text(PLAIN.replace("params.account}", "params.acount}"), encoding="utf-8")
        assert f"{bad}:" in desk.refused("runbooks", "validate", str(bad), code=2)
        assert f"{bad}:" in desk.refused("runbooks", "validate", str(tmp_path), code=2)
        assert desk.refused("runbooks", "validate", str(tmp_path / "none.yaml"), code=2)

    def test_the_shipped_folder_validates(self, desk: Desk) -> None:
        folder = Path(__file__).resolve().parents[3] / "runbooks"
        assert desk.json("runbooks", "validate", str(folder))["ok"] is True
        one = folder / "incidents" / "business_email_compromise.yaml"
        assert desk.json("runbooks", "validate", str(one))["ok"] is True

    def test_schema_is_one_that_the_shipped_ones_meet(self, desk: Desk) -> None:
        result = desk("runbooks", "schema")
        schema = json.loads(result.stdout)
        jsonschema.Draft202012Validator.check_schema(schema)


class TestTasks:
    def test_list_and_show(self, desk: Desk) -> None:
        rows = {row["name"]: row for row in desk.json("tasks", "list")}
        assert rows["identity.disable_sign_in"]["impact"] == "reversible"
        assert rows["human.confirm"]["kind"] == "question"
        assert rows["identity.remove_method"]["undo"]
        shown = desk.json("tasks", "show", "identity.disable_sign_in")
        assert "account" in shown["params"]["properties"]
        assert shown["permissions"][0]["vendor"] == "microsoft365"
        assert "identity.disable_sign_in" in desk("tasks", "list").stdout
        assert "User principal name" in desk("tasks", "show", "identity.disable_sign_in").stdout

    def test_every_task_can_be_shown(self, desk: Desk) -> None:
        for row in desk.json("tasks", "list"):
            assert desk("tasks", "show", row["name"]).exit_code == 0, row["name"]

    def test_unknown(self, desk: Desk) -> None:
        assert "did you mean" in desk.refused("tasks", "show", "identity.disable_signin", code=2)


def test_a_runbook_as_a_cacao_playbook(desk: Desk, tmp_path: Path) -> None:
    result = desk("runbooks", "export", "business_email_compromise")
    assert result.exit_code == 0
    playbook = json.loads(result.stdout)
    assert (playbook["type"], playbook["spec_version"]) == ("playbook", "cacao-2.0")
    assert list(complaints(playbook)) == []
    assert "not expressed in CACAO" in result.stderr
    out = tmp_path / "playbook.json"
    shown = desk.json("runbooks", "export", "business_email_compromise", "-o", str(out))
    assert json.loads(out.read_text(encoding="utf-8")) == playbook
    assert shown["not_expressed"]
    assert "did you mean business" in desk.refused("runbooks", "export", "busines_email_compromise", code=2)

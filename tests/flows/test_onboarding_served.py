"""A client is taken on as the service does it: the form, a contact in Chromium, the lab, an account at moto, a real sshd, secrets in OpenBao.

The processes that carry the run are ended by SIGKILL again and again (:data:`KILLS`), and in `make torture` the worker as well, while the contact is
at it (it and what it forks runs from take as long to start as a sixth of this test). Nobody does anything about it: what is asserted of the end is
what holds for a run that nobody interrupted.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote

import httpx
import pytest
import yaml
from moto.ec2.models import ec2_backends
from playwright.sync_api import Playwright, expect
from pydantic import SecretStr

from console import labtenant
from flows.assembly import Installation
from flows.sweeping import RUNBOOK as SWEEP
from integrations.lab import Lab, LabServer
from tenantry.errors import NotFound
from tenantry.run import RunState, Status
from tenantry.vault import MSP
from tests.flows.browsing import desk_of, pictures_wanted
from tests.flows.killing import Kills
from tests.flows.phone import Phone, hand_over, phone_of
from tests.flows.stand import ENDED, Stand
from tests.flows.test_service_kills import process
from tests.support.aws_gaps import Reply
from tests.support.aws_stand import HUB_KEY, HUB_SECRET, Account, AwsStand, the_stand
from tests.support.bao import Bao
from tests.support.canary import leaks
from tests.support.hosts import SMALL, HostNet, host_net
from tests.support.kills import Kill
from tests.support.taken_on import RUNBOOK, TEAM, Client
from tests.support.waiting import until

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

NAME = "north"
REGION = (
    "<DescribeRegionsResponse><regionInfo><item><regionName>eu-central-1</regionName>"
    "<optInStatus>opt-in-not-required</optInStatus></item></regionInfo></DescribeRegionsResponse>"
)
READS: Final = re.compile(r"Describe|Get|Generate|List|Lookup|Simulate|GET ")
FORM: Final[Mapping[str, Any]] = {"tenant": NAME, **TEAM, "sweep_days": 2}

KILLS: Final = (
    Kill("append_after", 1, what="approval.requested collect"),  # it has asked, and nothing says that it waits
    Kill("write_after", 1, what="/addPassword"),  # there is a new one whose value nobody has
    Kill("write_after", 1, what="vault/hosts/key"),  # the new key is in use, at OpenBao, and no entry says so
    Kill("write_before", 1, what="ssh/sh -c sed --in-place"),  # the old key still opens the host
    Kill("append_before", 1, what="step.outcome remove_old"),  # it is dead, and no entry says so
    Kill("write_before", 1, what="aws/cloudtrail.lookup_events"),  # in the middle of the sweep
)
"""In this order, each in the process that carries the run on after the one before."""


@dataclass
class Whole:
    """The client and everything of theirs."""

    stand: Stand
    client: Client
    lab: Lab
    aws: AwsStand
    account: Account
    net: HostNet
    bao: Bao
    kills: Kills
    before: dict[str, int] = field(default_factory=dict)
    """Versions that lie at OpenBao before anything is handed over."""

    def stored(self) -> str:
        """What lies at OpenBao of this client, values with it."""
        names = _names(self.bao, "north-secrets")
        return json.dumps([self.bao.call("GET", f"secret/data/{quote(name)}")["data"]["data"] for name in names])

    def versions(self) -> dict[str, int]:
        """How many versions of each secret of this client were stored there."""
        found = {}
        for path in _names(self.bao, "north-secrets"):
            about = self.bao.call("GET", f"secret/metadata/{quote(path)}")["data"]
            found[unquote(path.split("/", 2)[2])] = int(about["current_version"])
        return found


def _names(bao: Bao, prefix: str) -> Iterator[str]:
    listed = bao.api.request("LIST", f"secret/metadata/{prefix}")
    for key in listed.json()["data"]["keys"] if listed.status_code == 200 else ():
        if key.endswith("/"):
            yield from _names(bao, f"{prefix}/{key.rstrip('/')}")
        else:
            yield f"{prefix}/{key}"


@pytest.fixture
def whole(stand: Stand, tmp_path: Path) -> Iterator[Whole]:
    aws = the_stand()
    aws.forget()
    account = aws.new_account()
    # An account in which one region is enabled: each further one costs a few hundred calls.
    ec2_backends[account.id]["eu-central-1"].snapshots.clear()  # moto's own, a thousand
    aws.fault("ec2", "DescribeRegions", Reply(200, REGION.encode()), times=1_000_000)
    account.client("s3").create_bucket(
        Bucket=f"files-{account.id}", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    lab = labtenant.lab_for(NAME, scenario="clean", users=20, seed=7, application="here")
    before = stand.home.estate.read_text(encoding="utf-8")
    with contextlib.ExitStack() as stack:
        bao = stack.enter_context(Bao(tmp_path))
        net = stack.enter_context(host_net(tmp_path))
        net.add("web1", setup=SMALL)
        server = stack.enter_context(LabServer(lab))
        installation = stack.enter_context(Installation.open(stand.home))
        role = bao.role("north-secrets")
        installation.vault.put(MSP, "north/bao", SecretStr(bao.secret_id(role)), kind="secret_id")
        for name, value in (("hub-key", HUB_KEY), ("hub-secret", HUB_SECRET)):
            installation.vault.put(MSP, f"north/{name}", SecretStr(value), kind="key")
        store = {
            "vendor": "openbao",
            "settings": bao.settings(role, "north-secrets"),
            "secrets": {"secret_id": f"vault:{MSP}/north/bao"},
        }
        hub = {
            "vendor": "aws",
            "settings": {"endpoint_url": aws.base_url},
            "secrets": {
                "access_key": f"vault:{MSP}/north/hub-key",
                "secret_key": f"vault:{MSP}/north/hub-secret",
            },
        }
        estate = {**yaml.safe_load(before), "providers": {"hub": hub}, "secret_stores": {"bao": store}}
        stand.home.estate.write_text(yaml.safe_dump({**estate, "secret_store": "bao"}), encoding="utf-8")
        client = Client(installation, NAME, server.base_url, lab)
        stand.home.estate.write_text(yaml.safe_dump(estate), encoding="utf-8")

        def real(file: dict[str, Any]) -> None:
            """The cloud account at moto and a real host, instead of the lab's own."""
            del file["providers"]["cloud"]
            file["providers"]["aws"] = {"vendor": "aws", "settings": account.settings(regions=["eu-central-1"])}
            file["providers"]["hosts"] = {
                "vendor": "linux",
                "settings": net.settings("web1"),
                "secrets": {"key": f"vault:{NAME}/hosts/key"},
            }
            file["estate_handles"] = {"hub": account.id}
            file["onboarding"] = {
                "connect": ["aws"],
                "credentials": {"hosts/key": {"kind": "text", "title": "SSH key of the responders"}},
            }

        client.edit(real)
        assert stand.packages is not None
        kills = Kills(stand.packages)
        whole = Whole(stand, client, lab, aws, account, net, bao, kills)
        whole.before = whole.versions()
        yield whole
        kills.forget()
        client.file.unlink()
        aws.forget()
    stand.home.estate.write_text(before, encoding="utf-8")


def refused(host_address: str, pem: bytes, folder: Path) -> bool:
    """By the real sshd, of a key that is tried with the system's own client."""
    key = folder / "tried"
    key.touch(0o600)
    key.write_bytes(pem)
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", f"UserKnownHostsFile={folder}/known", "IdentitiesOnly=yes")
    command = ["ssh", "-i", str(key), *(part for one in options for part in ("-o", one))]
    done = subprocess.run([*command, f"responder@{host_address}", "true"], capture_output=True, check=False)
    key.unlink()
    assert done.returncode in (0, 255), done.stderr
    return done.returncode == 255


def rested(whole: Whole, run: str) -> RunState | None:
    """The run when nobody carries it; looked at twice a second, because each look reads the whole record of it."""
    time.sleep(0.5)
    with contextlib.suppress(NotFound):  # a form's run is recorded when it begins
        if not whole.client.installation.journal.live(run):
            return whole.client.installation.state(run)
    return None


def waits(whole: Whole, run: str, *steps: str) -> None:
    """Until the run is suspended and asks just this."""
    asked: list[str] = []

    def there() -> bool:
        state = rested(whole, run)
        asked[:] = sorted(gate.step for gate in state.open_gates()) if state is not None else asked
        return state is not None and asked == sorted(steps)

    until(there, lambda: f"{asked}; {whole.stand.worker_log()}", seconds=240)
    # Crashed for a moment, where its process was killed.
    assert whole.stand.wait_for(run, "PAUSED", "COMPLETED", seconds=240)["state_name"] == "Suspended"


def progress(whole: Whole, run: str) -> tuple[float, str]:
    """What Prefect's UI shows of how far it is."""
    [shown] = [one for one in whole.stand.artifacts(run) if one["key"].startswith("progress-")]
    return float(shown["data"]), str(shown["description"])


def from_the_form(whole: Whole, playwright: Playwright, chromium: str) -> str:
    """An engineer fills Prefect's form, in a browser that is not the contact's. Returns the run."""
    with desk_of(playwright, chromium, whole.stand) as desk:
        desk.form(RUNBOOK, NAME)
        desk.fill_optional("Lead", FORM["lead"])
        desk.fill_list("Engineers", FORM["engineers"])
        desk.fill_list("On call", FORM["on_call"])
        desk.page.get_by_label("Look back").fill(str(FORM["sweep_days"]))
        desk.picture("prefect-form")
        run = desk.submit(RUNBOOK)
        assert desk.outside == []
    given = whole.stand.flow_run(run)["parameters"]
    assert {name: given[name] for name in FORM} == FORM
    return run


def pictured(whole: Whole, playwright: Playwright, chromium: str, run: str, name: str) -> None:
    """Prefect's page of the run and of its progress, where pictures are wanted."""
    if pictures_wanted() is None:
        return
    shown = {one["key"].partition("-")[0]: one["id"] for one in whole.stand.artifacts(run)}
    places = {
        "run": f"v2/runs/flow-run/{run}",
        "artifacts": f"v2/runs/flow-run/{run}?tab=Artifacts",
        "progress": f"v2/artifacts/artifact/{shown['progress']}",
        "steps": f"v2/artifacts/artifact/{shown['steps']}",
        "timeline": f"v2/artifacts/artifact/{shown['timeline']}",
    }
    with desk_of(playwright, chromium, whole.stand) as desk:
        for what, place in places.items():
            desk.page.goto(f"{desk.url}/{place}")
            desk.page.wait_for_timeout(2500)
            desk.picture(f"prefect-{name}-{what}")


def only_once(whole: Whole, run: str) -> None:
    """Every process died when it was to, and nobody can tell by what was done: counted at each counterpart, and in the record."""
    assert whole.kills.left == []
    assert len(set(whole.kills.died)) == len(KILLS)
    records = whole.client.installation.journal.records(run)
    assert sum(one.event == "run.recovered" for one in records) == len(KILLS)
    asked = Counter((one.step, one.data.get("item")) for one in records if one.event == "approval.requested")
    ended = Counter((one.step, one.data.get("item")) for one in records if one.event == "step.outcome")
    assert set(asked.values()) == set(ended.values()) == {1}, (asked, ended)

    # Of the secret whose value died with its process a second one was made, and it is gone as the one is that was handed over.
    done = Counter((entry["method"], str(entry["target"])) for entry in whole.lab.audit)
    secrets = {target.rpartition("/")[2]: method for method, target in done if method == "POST removePassword"}
    assert (len(secrets), sum(done.values())) == (2, 4), done
    assert sum(count for (method, _), count in done.items() if method == "POST addPassword") == 2
    own = whole.lab.own_registration
    assert own is not None
    assert len(own.props["passwordCredentials"]) == 1
    # One line with one key; one version of each name at OpenBao for what was handed over, one for what took its place.
    host = whole.net.hosts["web1"]
    assert host.run("cat ~responder/.ssh/authorized_keys").count("ssh-ed25519") == 1
    stored = {name: number - whole.before.get(name, 0) for name, number in whole.versions().items()}
    assert {name: number for name, number in stored.items() if number} == {
        **{"hosts/key": 2, "m365/client-secret": 2, "sink/token": 1, "contacts/owner/totp": 1},
    }
    # Nothing was changed at the account, which is there to be read.
    calls = [call for call in whole.aws.calls if call.account == whole.account.id and not READS.match(call.operation)]
    assert [call.operation for call in calls] == ["CreateRole", f"PUT /files-{whole.account.id}"], "the test's own"


@pytest.fixture
def phone(chromium: str, tmp_path: Path) -> Iterator[Phone]:
    with phone_of(chromium, tmp_path / "profile") as made:
        yield made


@pytest.mark.parametrize("worker_too", [False, pytest.param(True, marks=pytest.mark.torture)], ids=["run", "worker"])
def test_from_the_form_to_the_report(
    whole: Whole, phone: Phone, chromium: str, tmp_path: Path, worker_too: bool
) -> None:
    stand, client, account = whole.stand, whole.client, whole.account
    host, handed_key = whole.net.hosts["web1"], whole.net.key.pem.decode()
    trusted = whole.aws.roles.pop(f"arn:aws:iam::{account.id}:role/{account.role}")
    handed = {
        "m365/client-secret": client.secrets["m365/client-secret"],
        "hosts/key": handed_key,
        "sink/token": client.secrets["sink/token"],
    }

    # The form. Whoever fills it is nobody that we know: the lead who went through the agreement shows that the run is meant.
    stand.offer(RUNBOOK)
    run = from_the_form(whole, phone.playwright, chromium)
    whole.kills.set(run, KILLS)
    waits(whole, run, "agreed")
    stand.resume(run, labtenant.LEAD, stand.code(labtenant.LEAD), reason="with Olivia Owner")
    waits(whole, run, "enroll")
    client.enroll()
    client.answer(run, "enroll")

    # What waits for whom stands in Prefect: the contact's credentials, and the role in the cloud account.
    waits(whole, run, "collect", "connect")
    percent, said = progress(whole, run)
    assert 0 < percent < 50
    assert "collect waits for contact owner" in said
    assert "connect waits for engineer" in said
    pictured(whole, phone.playwright, chromium, run, "waiting")
    whole.aws.roles[f"arn:aws:iam::{account.id}:role/{account.role}"] = trusted  # the client's administrator did it
    client.answer(run, "connect")

    # The contact, on the phone.
    done = stand.command("vault", "drop", "--run", run, "--step", "collect", "--json")
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)
    page = phone.open(made["link"])
    page.get_by_label("Code from your app").fill(client.code())
    client.clock.past = timedelta()  # the service's clock is the machine's
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("0 of 3 handed over")).to_be_visible()
    titles = page.locator("#list > li label").all_text_contents()
    assert "SSH key of the responders" in titles
    asked = [one.name for one in client.expected(run, "collect")]
    for place, name in enumerate(asked):
        page.locator("#list > li").nth(place).locator("input, textarea").first.fill(handed[name])
        hand_over(page, place)
        expect(page.get_by_text(f"{place + 1} of 3 handed over")).to_be_visible() if place < 2 else None
        if place == 0 and worker_too:
            worker = process(stand, "worker")
            assert worker is not None
            os.kill(worker, signal.SIGKILL)
    expect(page.get_by_role("heading", name="Thank you, that is all")).to_be_visible()
    phone.picture(page, "onboarding")

    # It goes on by itself: signs in everywhere, replaces what was handed over, looks. What nobody can replace is asked about.
    waits(whole, run, "by_hand")
    client.answer(run, "by_hand", "deny")
    until(
        lambda: (state := rested(whole, run)) is not None and state.ended is not None,
        lambda: f"{client.waits(run)}; {stand.worker_log()}",
        seconds=240,
    )
    view = client.installation.view(run)
    assert client.installation.state(run).ended is Status.COMPLETED, {
        one["id"]: one["error"] for one in view["steps"] if one["error"]
    }
    assert stand.wait_for(run, *ENDED)["state_type"] == "COMPLETED"
    only_once(whole, run)
    assert progress(whole, run) == (100.0, f"{view['progress']['of']} of {view['progress']['of']} steps; nothing waits")

    pictured(whole, phone.playwright, chromium, run, "ended")

    # Somebody else's copies are dead, by the services' own word; ours lie at OpenBao alone.
    assert refused(host.address, handed_key.encode(), tmp_path)
    vault = client.installation.vault
    ours = {name: vault.get_text(NAME, name).get_secret_value() for name in ("m365/client-secret", "hosts/key")}
    assert not refused(host.address, ours["hosts/key"].encode(), tmp_path)
    token = f"{client.base_url}/login/{whole.lab.tenant_id}/oauth2/v2.0/token"
    for value, good in ((handed["m365/client-secret"], False), (ours["m365/client-secret"], True)):
        given = {"grant_type": "client_credentials", "client_id": whole.lab.client_id, "client_secret": value}
        answered = httpx.post(token, data={**given, "scope": "https://graph.microsoft.com/.default"})
        assert answered.is_success is good, answered.text

    # What was seen, of all three; and the report for the client.
    outputs = {one["id"]: one["output"] for one in view["steps"] if one["item"] is None}
    assert sorted(outputs["stands"]["works"]) == ["aws", "hosts", "m365", "messages"]
    counts = {one["kind"]: one["count"] for one in outputs["inventory"]["kinds"]}
    assert (counts["hosts"], counts["cloud_accounts"], counts["buckets"]) == (1, 1, 1), counts
    assert counts["users"] == 20
    kept = {one["name"]: one for one in view["evidence"]}
    for name, begin in (("onboarding-report.html", b"<!doctype html>"), ("onboarding-report.pdf", b"%PDF-")):
        data = b"".join(client.installation.evidence.open(NAME, kept[name]["sha256"]))
        assert data.lower().startswith(begin.lower()), name
        if phone.pictures is not None:
            (phone.pictures / name).write_bytes(data)
    tenant = client.installation.tenants.get(NAME)
    assert (tenant.service_team.lead, tenant.sweep.every_hours) == (labtenant.LEAD, 24)

    # What the run scheduled is begun, by the service and in Prefect.
    sweeps: list[dict[str, Any]] = []

    def begun() -> bool:
        time.sleep(1)
        sweeps[:] = [one for one in stand.flow_runs(SWEEP) if one["parameters"].get("tenant") == NAME]
        return bool(sweeps)

    until(begun, lambda: f"no sweep of {NAME} in Prefect; {stand.worker_log()}", seconds=150)
    [swept] = [one for one in client.installation.journal.runs(NAME) if one.runbook == SWEEP]
    requester = client.installation.state(swept.run_id).requester
    assert (requester["via"], requester["name"]) == ("schedule", "schedule (every 24 h)")
    stand.command("cancel", swept.run_id)

    # No credential lies anywhere but where it belongs: not with us, not with Prefect, not in the browser.
    assert phone.trouble == []
    [session] = [cookie["value"] for cookie in phone.context.cookies() if cookie["name"] == "drop"]
    phone.context.close()
    (tmp_path / "profile" / "sent").write_bytes(b"\n".join(phone.sent))
    body = {name: value.splitlines()[2] if value.startswith("-----") else value for name, value in handed.items()}
    new = {f"new {name}": value.splitlines()[2] if "\n" in value else value for name, value in ours.items()}
    assert all(value in whole.stored() for value in new.values())
    assert leaks(tmp_path / "profile", body | new) == []
    with closing(sqlite3.connect(stand.home.journal_db)) as db:
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")
    everything = {**body, **new, "session": session, "link": made["link"].partition("#")[2]}
    # What is no secret is found, so the search can find something; and nothing else is.
    found = leaks(stand.home.path, {**everything, "title": "SSH key of the responders"})
    assert {one.partition(" in ")[0] for one in found} == {"title"}, found
    (tmp_path / "said").mkdir()
    (tmp_path / "said" / "up.log").write_bytes(stand.log.read_bytes())
    (tmp_path / "said" / "artifacts").write_text(json.dumps(stand.artifacts(run)), encoding="utf-8")
    (tmp_path / "said" / "bao.log").write_bytes(whole.bao.log.read_bytes())
    assert leaks(tmp_path / "said", everything) == []

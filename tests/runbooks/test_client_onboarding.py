"""Taking a client on, from what was agreed to what stands at the end: on a lab over real HTTP, with credentials through the drop."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import subprocess
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from console import labtenant
from flows.assembly import Installation
from flows.onboarding_hand import AGREED
from flows.report import timeline_of
from integrations.lab import LabServer
from tasks.vault.expect_credentials import NOBODY
from tenantry.home import Home
from tenantry.run import Engine, RunState, Status
from tenantry.timeline import FORMATS
from tests.support.canary import leaks
from tests.support.taken_on import APP, POLICY, Client, client
from tests.support.tools import needs


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Client]:
    with client(tmp_path) as made:
        yield made


async def until_collected(acme: Client, run: str) -> None:
    """The agreement is gone through, the contact enrolled, and the run waits for what they hand over."""
    await acme.carry(run)
    assert acme.waits(run) == [("agreed", None)]
    acme.answer(run, "agreed")
    await acme.carry(run)
    assert acme.waits(run) == [("enroll", None)]
    acme.enroll()
    acme.answer(run, "enroll")
    await acme.carry(run)
    assert acme.waits(run) == [("collect", "owner")]


async def to_the_end(acme: Client, run: str) -> RunState:
    """Everything that is asked is answered, and what is expected handed over."""
    for _ in range(20):
        state = await acme.carry(run)
        if state.ended is not None or not acme.waits(run):
            return state
        for step, _ in acme.waits(run):
            if step.startswith("collect"):
                acme.hand_over(run, step)
            elif step == "enroll":
                acme.enroll()
                acme.answer(run, step)
            else:
                acme.answer(run, step)
    raise AssertionError(acme.waits(run))


def trouble(acme: Client, run: str) -> dict[str, str]:
    return {
        f"{step['id']} {step['item'] or ''}".strip(): step["error"]["code"]
        for step in acme.installation.view(run)["steps"]
        if step["error"]
    }


async def test_a_clean_client_from_the_agreement_to_the_schedules(acme: Client, tmp_path: Path) -> None:
    run = acme.begin()
    await until_collected(acme, run)
    shown = acme.installation.view(run)
    [waiting] = shown["waiting_for"]
    assert (waiting["owner"], len(waiting["reminders"])) == ("contact owner", 3)
    assert 0 < shown["progress"]["percent"] < 50

    assert sorted(acme.hand_over(run, "collect")) == sorted(acme.secrets)
    await acme.carry(run)  # by itself: the last one that came answered the question
    assert acme.waits(run) == [("by_hand", None)]
    acme.answer(run, "by_hand", "deny")
    state = await acme.carry(run)
    assert state.ended is Status.COMPLETED, trouble(acme, run)
    assert acme.installation.view(run)["progress"]["percent"] == 100

    # The record: what was agreed, by its digest and who went through it.
    [agreed] = [one.data for one in acme.installation.journal.of("acme", AGREED)]
    assert (agreed["by"], agreed["document_sha256"], agreed["run"]) == (labtenant.LEAD, "ab" * 32, run)
    assert agreed["digest"] == state.items["agreement", None].output["digest"]

    # Access: rights as they are, what was handed over dead, what nobody could replace said.
    rights = state.items["proven", "m365"].output
    assert (rights["state"], rights["missing"]) == ("works", [])
    assert {"name": "Directory.ReadWrite.All", "instead": []} in rights[
        "excess"
    ]  # the lab's application is given too much
    stands = state.items["stands", None].output
    assert (stands["rotate"], stands["collect"]) == ([], [])
    assert stands["by_hand"] == ["hosts/token", "cloud/token"]
    assert acme.rotated()

    # What was looked at, and the report for the client, are evidence of the run.
    kept = {one["name"] for one in state.evidence}
    assert {
        "agreement.json",
        "sweep.json",
        "compliance.json",
        "onboarding-report.html",
        "onboarding-report.pdf",
    } <= kept

    # Team and schedules stand in the file, which is the operator's otherwise.
    tenant = acme.installation.tenants.get("acme")
    assert (tenant.service_team.lead, tenant.sweep.every_hours, tenant.rotation.every_days) == (labtenant.LEAD, 24, 180)
    assert acme.file.read_text().startswith("# Written by `tenantry lab")
    acme.installation.close()
    assert leaks(tmp_path, {f"value {n}": value for n, value in enumerate(dict.fromkeys(acme.seen))}) == []


async def test_again_does_only_what_does_not_stand(acme: Client) -> None:
    await to_the_end(acme, acme.begin(sweep_days=1))
    versions = {one.name: one.version for one in acme.installation.vault.list("acme")}
    asked = len(acme.installation.journal.of("acme", AGREED))

    # A system is added to the file: its credential alone is asked for, and nothing else is touched.
    def added(file: dict[str, Any]) -> None:
        second = {**file["providers"]["cloud"], "secrets": {"token": "vault:acme/second/token"}}
        file["providers"]["second"] = second

    acme.edit(added)
    acme.secrets["second/token"] = acme.secrets["cloud/token"]
    again = acme.begin(sweep_days=1)
    await acme.carry(again)
    assert acme.waits(again) == [("collect", "owner")]
    assert acme.hand_over(again, "collect") == ["second/token"]
    await acme.carry(again)
    assert acme.waits(again) == [("by_hand", None)]  # what nobody replaced is still with who handed it over
    acme.answer(again, "by_hand")
    state = await acme.carry(again)
    assert state.ended is Status.COMPLETED, trouble(acme, again)
    outcomes = acme.outcomes(again)
    assert outcomes["proven[second]"] == "observed"
    # What it wrote stands: not one effect of the first run is made a second time.
    assert {name for name, outcome in outcomes.items() if outcome == "changed"} == set()
    now = {one.name: one.version for one in acme.installation.vault.list("acme")}
    assert now == {**versions, "second/token": 1}
    assert len(acme.installation.journal.of("acme", AGREED)) == asked


async def test_a_plan_says_what_would_be_done_and_does_nothing(acme: Client) -> None:
    before = acme.file.read_bytes()
    run = acme.begin("plan")
    state = await acme.carry(run)
    assert state.ended is Status.PLANNED, trouble(acme, run)
    would = {name for name, outcome in acme.outcomes(run).items() if outcome == "would_change"}
    assert {"agreed", "recorded", "enroll", "collect[owner]", "team", "schedule"} <= would
    assert acme.file.read_bytes() == before
    assert acme.lab.audit == []
    assert acme.installation.journal.of("acme", AGREED) == []


async def test_undo_puts_the_file_back(acme: Client) -> None:
    run = acme.begin()
    before = acme.installation.tenants.get("acme")
    await to_the_end(acme, run)
    async with acme.installation.access("acme", "run") as access:
        engine = Engine(acme.installation.surroundings(), access, policy=POLICY)
        for step in ("team", "schedule"):
            await engine.undo(run, step=step, by={"person": labtenant.LEAD})
    outcomes = acme.outcomes(run)
    assert (outcomes["team"], outcomes["schedule"]) == ("undone", "undone")
    assert acme.installation.tenants.get("acme") == before


# --- the contact ------------------------------------------------------------------------------------------------------


def reminders(acme: Client) -> list[tuple[str, str, tuple[str, ...]]]:
    """Level, owner and whom it is written to, the oldest first."""
    found = [one for one in acme.installation.journal.runs("acme") if one.runbook == "wait_reminder"]
    states = [acme.installation.state(one.run_id) for one in reversed(found)]
    return [(one.params["level"], one.params["owner"], tuple(one.params["contacts"])) for one in states]


async def test_a_contact_who_never_answers_is_reminded_and_in_the_end_a_lead_decides(tmp_path: Path) -> None:
    with client(tmp_path, kept=("sink/token", "cloud/token")) as acme:
        run = acme.begin()
        await until_collected(acme, run)
        for days in (2.1, 3, 5):
            acme.later(days=days)
            await acme.carry(run)
            await acme.carry(run)  # looked at again, nobody is reminded twice
        owner = ("owner",)
        assert reminders(acme) == [
            ("remind", "contact owner", owner),
            ("remind", "contact owner", owner),
            ("escalate", "contact owner", (*owner, "executive")),
        ]
        sent = next(one for one in acme.installation.journal.runs("acme") if one.runbook == "wait_reminder")
        assert (await acme.carry(sent.run_id)).ended is Status.COMPLETED
        mails = [one for one in acme.lab.sink.messages if "executive@acme-board.example" in str(one)]
        assert mails, "the escalation is written to the client's executive as well"

        acme.later(days=5)
        await acme.carry(run)
        collected = acme.installation.state(run).items["collect", "owner"].output
        assert (collected["answer"], collected["by"]) == (NOBODY, "nobody")
        assert acme.waits(run) == [("decide", None)]
        acme.answer(run, "decide")
        state = await to_the_end(acme, run)
        assert trouble(acme, run) == {"proven m365": "not_verified"}
        assert state.ended is Status.EXCEPTIONS
        assert state.items["sweep", None].outcome == "observed"  # what there is access to was looked at


async def test_wrong_three_times_a_person_decides(acme: Client) -> None:
    run = acme.begin()
    await until_collected(acme, run)
    acme.hand_over(run, "collect", m365_client_secret="wrong-one")
    for step, value in (("collect_again", "wrong-two"), ("collect_last", "wrong-three")):
        await acme.carry(run)
        assert acme.waits(run) == [(step, "owner")]
        assert acme.hand_over(run, step, m365_client_secret=value) == [APP]  # what was good is not asked for again
    await acme.carry(run)
    assert acme.waits(run) == [("decide", None)]
    acme.answer(run, "decide", "deny")
    assert (await acme.carry(run)).stopped is Status.PAUSED
    # Somebody found the right one, and stored it another way: the lead decides anew, and it is proven.
    acme.installation.vault.put("acme", APP, acme.secrets[APP].encode(), kind="client_secret")
    await acme.carry(run)
    acme.answer(run, "decide")
    state = await to_the_end(acme, run)
    assert state.items["proven", "m365"].outcome == "observed"
    assert acme.rotated()


def away(file: dict[str, Any]) -> None:
    """Nobody answers for the directory."""
    nowhere = dict.fromkeys(("login_url", "graph_url", "exchange_url"), "http://127.0.0.1:9/x")
    file["providers"]["m365"]["settings"].update(nowhere)


@pytest.mark.torture  # each look at a cloud that is down takes as long as its client is patient
async def test_a_cloud_that_is_down_is_neither_called_wrong_nor_good(acme: Client) -> None:
    good: dict[str, Any] = {}
    acme.edit(lambda file: good.update(file["providers"]["m365"]["settings"]))
    acme.edit(away)
    run = acme.begin()
    await until_collected(acme, run)
    acme.hand_over(run, "collect")
    state = await to_the_end(acme, run)
    assert state.ended is Status.EXCEPTIONS
    assert trouble(acme, run) == {"proven m365": "cannot_check"}
    assert state.items["proven", "m365"].outcome == "unknown"
    assert not any(gate.step in ("collect_again", "decide") for gate in state.gates.values())
    assert not acme.rotated()
    # It is back: another onboarding asks nobody for anything and finishes what was left.
    acme.edit(lambda file: file["providers"]["m365"]["settings"].update(good))
    again = acme.begin()
    state = await to_the_end(acme, again)
    assert state.ended is Status.COMPLETED
    assert not any(gate.step.startswith("collect") for gate in state.gates.values())
    assert acme.rotated()


def reports_name_each_other(acme: Client, run: str, incident: str) -> None:
    """The client's report of the onboarding, and the incident's timeline, as pages and as PDF."""
    kept = {one["name"]: one["sha256"] for one in acme.installation.state(run).evidence}
    for suffix in ("html", "pdf"):
        onboarding = b"".join(acme.installation.evidence.open(acme.name, kept[f"onboarding-report.{suffix}"]))
        out = BytesIO()
        FORMATS[suffix].export(timeline_of(acme.installation, acme.installation.state(incident))[0], out)
        assert incident in told(onboarding, suffix)
        assert f"Clientonboarding,run{run}" in told(out.getvalue(), suffix)


def told(report: bytes, suffix: str) -> str:
    """Its text, without the breaks that a typesetter puts into names."""
    if suffix == "pdf":
        needs(shutil.which("pdftotext") is not None, "poppler-utils")
        report = subprocess.run(["pdftotext", "-", "-"], input=report, capture_output=True, check=True).stdout
    return re.sub(r"[\s\u200b\u00ad]", "", report.decode())


# --- somebody is inside -----------------------------------------------------------------------------------------------


@pytest.mark.torture  # the incident is carried as well, which looks for what was left until it is sure
async def test_a_breached_client_has_an_incident_while_onboarding_waits(tmp_path: Path) -> None:
    with client(tmp_path, scenario="bec") as acme:
        run = acme.begin()
        await until_collected(acme, run)
        acme.hand_over(run, "collect")
        await acme.carry(run)
        acme.answer(run, "by_hand")
        await acme.carry(run)
        assert acme.waits(run) == [("hold", None)]
        journal = acme.installation.journal
        [incident] = [one.run_id for one in journal.runs("acme") if one.runbook == "business_email_compromise"]

        # Linked both ways, and containing while onboarding still waits.
        opened = acme.installation.view(run)
        assert opened["opened"] == [incident]
        assert acme.installation.view(incident)["opened_by"] == run
        await acme.carry(incident)
        assert any(gate.step == "run.start" for gate in acme.installation.state(incident).open_gates())
        acme.answer(incident, "run.start")
        await acme.carry(incident)
        assert "changed" in acme.outcomes(incident).values()
        assert acme.waits(run) == [("hold", None)]

        acme.answer(run, "hold")
        state = await to_the_end(acme, run)
        assert trouble(acme, run) == {}
        assert state.ended is Status.COMPLETED
        reports_name_each_other(acme, run, incident)
        # The next sweep, and another onboarding, open nothing for what is known.
        again = acme.begin()
        await to_the_end(acme, again)
        opened_again = [one.run_id for one in journal.runs("acme") if one.runbook == "business_email_compromise"]
        assert opened_again == [incident]


async def test_an_incident_is_opened_once_and_each_run_names_the_other(tmp_path: Path) -> None:
    with client(tmp_path, scenario="bec") as acme:
        run = acme.begin()
        await until_collected(acme, run)
        acme.hand_over(run, "collect")
        await acme.carry(run)
        acme.answer(run, "by_hand")
        await acme.carry(run)
        assert acme.waits(run) == [("hold", None)]  # as the file says by default
        [incident] = acme.installation.view(run)["opened"]
        shown = acme.installation.view(incident)
        assert (shown["opened_by"], shown["status"]) == (run, "interrupted")  # for the keeper to take up
        # Of what it is about one finding is left when the next sweep looks: the same run stands for it.
        requester = acme.installation.state(incident).requester
        assert len(requester["run_ids"]) > 1
        async with acme.installation.access("acme", "run") as access:
            incidents = await access.capability("incidents")
            assert await incidents.opened(requester["run_ids"][-1:]) == incident
            assert await incidents.opened(["another"]) is None
        acme.answer(run, "hold")
        assert (await to_the_end(acme, run)).ended is Status.COMPLETED
        reports_name_each_other(acme, run, incident)


@pytest.mark.torture
async def test_where_the_file_says_so_onboarding_goes_on_beside_the_incident(tmp_path: Path) -> None:
    with client(tmp_path, scenario="bec", more={"onboarding": {"on_breach": "go_on"}}) as acme:
        run = acme.begin()
        state = await to_the_end(acme, run)
        assert state.ended is Status.COMPLETED
        assert acme.outcomes(run)["hold"] == "skipped"
        assert acme.installation.view(run)["opened"]


@pytest.mark.torture  # four onboardings, and a cloud whose clients are patient
async def test_several_clients_at_once_each_with_an_end_of_its_own(tmp_path: Path) -> None:
    scenarios = {"acme": "clean", "bolt": "bec", "corp": "clean", "dune": "clean"}
    labs = {
        name: labtenant.lab_for(name, scenario=scenario, users=20, application="here")
        for name, scenario in scenarios.items()
    }
    with contextlib.ExitStack() as stack:
        servers = {name: stack.enter_context(LabServer(lab)) for name, lab in labs.items()}
        installation = stack.enter_context(Installation.open(Home(tmp_path / "home").ensure()))
        made = {name: Client(installation, name, servers[name].base_url, lab) for name, lab in labs.items()}
        acme, bolt, corp, dune = made.values()
        corp.edit(away)
        runs = {name: one.begin() for name, one in made.items()}

        async def wrong_three_times(one: Client, run: str) -> RunState:
            await until_collected(one, run)
            one.hand_over(run, "collect", m365_client_secret="wrong-1")
            for number, step in enumerate(("collect_again", "collect_last"), 2):
                await one.carry(run)
                one.hand_over(run, step, m365_client_secret=f"wrong-{number}")
            return await one.carry(run)

        clean, breached, down, wrong = await asyncio.gather(
            *(to_the_end(one, runs[one.name]) for one in (acme, bolt, corp)), wrong_three_times(dune, runs["dune"])
        )
        assert clean.ended is Status.COMPLETED
        assert acme.rotated()
        assert breached.ended is Status.COMPLETED
        assert len(bolt.installation.view(runs["bolt"])["opened"]) == 1
        assert down.ended is Status.EXCEPTIONS
        assert trouble(corp, runs["corp"])["proven m365"] == "cannot_check"
        assert not corp.rotated()
        [waiting] = dune.installation.view(runs["dune"])["waiting_for"]
        assert (wrong.stopped, waiting["step"], waiting["owner"]) == (Status.WAITING, "decide", "lead")

        # Nobody's secrets, incidents or questions are another's.
        for one in made.values():
            own = {
                secret.name for secret in installation.vault.list(one.name) if not secret.name.startswith("contacts/")
            }
            assert own == set(one.secrets)
            incidents = [one for one in installation.journal.runs(one.name) if one.runbook.startswith("business")]
            assert bool(incidents) is (one is bolt)
        assert installation.journal.verify().ok


async def test_a_question_that_nobody_answers_ends_the_wait_and_says_whose_it_was(acme: Client) -> None:
    run = acme.begin()
    await acme.carry(run)
    assert acme.waits(run) == [("agreed", None)]
    for days in (4, 5, 8):
        acme.later(days=days)
        await acme.carry(run)
    assert [level for level, _, _ in reminders(acme)] == ["remind", "remind", "escalate"]
    assert {owner for _, owner, _ in reminders(acme)} == {"lead"}
    acme.later(days=20)
    state = await acme.carry(run)
    assert (state.stopped, state.ended) == (Status.PAUSED, None)
    assert trouble(acme, run) == {"agreed": "approval_expired"}
    assert acme.outcomes(run)["recorded"] is None  # nothing was recorded as agreed
    # Whoever resumes it is asked anew.
    await acme.carry(run)
    assert acme.waits(run) == [("agreed", None)]

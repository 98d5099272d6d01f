"""The runbook as a whole: hosts, directory and cloud account of the lab, through the real engine and wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.lab import Lab
from integrations.lab.attacker import DISABLED, come_back
from tenantry.discovery import TaskRegistry
from tenantry.places import SHIPPED
from tenantry.run import Status
from tenantry.runbook import Runbook, load_runbook
from tests.support.canary import leaks
from tests.support.lab_stand import LabStand
from tests.support.runs import above, changes, effects, lacking_facts, troubles, without_answers, written_twice

PATH = SHIPPED / "incidents" / "ransomware.yaml"
HOST_EVIDENCE = {"volatile", "host_facts", "activity", "persistence"}
LATE_EVIDENCE = {"late_volatile", "late_facts", "late_activity", "late_persistence"}
"""Of hosts that did not answer at the beginning."""
ACCOUNT_EVIDENCE = {"accounts", "sign_ins", "events", "audit"}


def params(lab: Lab) -> dict[str, Any]:
    """What a client would report: two hosts, one of which nobody gets into any more; an account, a key, a bucket, a volume."""
    story = lab.scenario_info()
    return {
        "since": (lab.tenant.start - timedelta(hours=30)).isoformat(),
        "hosts": ["web1", "db1"],
        "accounts": [story["accounts"]["finance"]],
        "access_keys": [story["accounts"]["key"]],
        "buckets": [story["artefacts"]["bucket"]["name"]],
        "sources": [story["artefacts"]["source"]["id"]],
        "probe": "bastion",
        "known_good_ips": ["198.51.100.0/24"],
        "wait_for_hosts": 0,
    }


@pytest.fixture(scope="module")
def registry() -> TaskRegistry:
    return TaskRegistry.discover(entry_points=False)


@pytest.fixture(scope="module")
def runbook(registry: TaskRegistry) -> Runbook:
    return load_runbook(PATH, registry)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabStand]:
    stand = LabStand(tmp_path, scenario="ransomware", users=20, runbook="ransomware", params=params)
    yield stand
    stand.close()


class TestFile:
    def test_messages_are_given_every_fact_that_their_templates_need(self, runbook: Runbook) -> None:
        assert lacking_facts(runbook) == {}

    def test_evidence_of_each_place_comes_before_its_effects(self, runbook: Runbook, registry: TaskRegistry) -> None:
        for step in effects(runbook, registry):
            before = above(runbook, step.id)
            if step.phase == "protect":
                assert not before - {"snapshots", "vaults"}, f"{step.id}: what is recovered from waits for nothing"
            elif step.id == "isolate_others":
                assert "others_volatile" in before
            elif step.uses.startswith("host.") and not step.uses.endswith("restore"):
                assert before >= (LATE_EVIDENCE if step.id.startswith("late_") else HOST_EVIDENCE), step.id
            elif step.uses.startswith("identity."):
                assert before >= ACCOUNT_EVIDENCE, step.id
            elif step.uses.startswith("cloud.") and step.id not in ("unshare_snapshots", "keep_encryption_keys"):
                assert "machines" in before, step.id

    def test_the_most_fleeting_is_read_first(self, runbook: Runbook) -> None:
        for name in HOST_EVIDENCE - {"volatile"}:
            assert "volatile" in above(runbook, name)

    def test_no_person_and_no_other_place_stands_before_containment(
        self, runbook: Runbook, registry: TaskRegistry
    ) -> None:
        """Cutting a host off waits for no account and no key, and the other way round."""
        for step in effects(runbook, registry):
            if step.phase != "contain":
                continue
            assert (step.approve is None) == (step.id != "isolate_others"), "nobody named those"
            before = [runbook.step(name) for name in above(runbook, step.id)]
            assert not [up for up in before if up.uses.startswith("human.")], step.id
            areas = {up.uses.partition(".")[0] for up in effects(runbook, registry) if up in before}
            assert areas <= {step.uses.partition(".")[0]}, step.id

    def test_one_things_trouble_stops_no_others(self, runbook: Runbook, registry: TaskRegistry) -> None:
        for step in effects(runbook, registry):
            assert step.on_failure == "continue", step.id
            assert step.expect_at_most, step.id

    def test_what_cannot_be_taken_back_asks(self, runbook: Runbook) -> None:
        asking = {step.id for step in runbook.steps if step.approve is not None}
        assert asking == {"lock_snapshots", "isolate_others", "restore_files", "release"}

    def test_a_payment_is_never_promised_before_sanctions_are_checked(self, runbook: Runbook) -> None:
        assert "not_paying" in above(runbook, "sanctions")
        assert {"not_paying", "sanctions"} <= above(runbook, "paid")


async def test_from_the_first_report_to_the_review(lab: LabStand, tmp_path: Path) -> None:
    """One host cannot be reached: the rest goes on to the end, and nobody is told that it is contained."""
    lab.create()
    state = await lab.to_the_end()
    assert state.ended is Status.EXCEPTIONS
    assert troubles(lab) == {"late_isolate[db1]": "unreachable"}
    assert lab.lab.innocent_touched() == []
    assert written_twice(lab) == []
    contained = state.item("containment", None).output
    assert not contained["contained"]
    assert contained["gaps"] == ["host db1: not seen to be cut off and free of the intruder"]
    outcomes = lab.stand.outcomes()
    assert (outcomes["contained_notice"], outcomes["not_contained_notice"]) == ("skipped", "changed")
    assert "It is contained" not in str(lab.lab.sink.messages)
    assert outcomes["by_hand"] == "observed"
    _hosts_are_clean(lab.lab)
    _accounts_are_shut(lab.lab)
    _cloud_is_safe(lab.lab)
    _data_is_back(lab.lab)
    secrets = {"token": lab.lab.cloud_token, "sink": lab.lab.sink_token, "client": lab.lab.client_secret}
    assert leaks(tmp_path, secrets) == []


def _hosts_are_clean(lab: Lab) -> None:
    web, mon = lab.tenant.hosts["web1"], lab.tenant.hosts["mon1"]
    assert not any(process.account == "sysupd" for process in web.processes.values())
    assert not any(key.enabled for key in web.keys.values() if "attacker" in key.comment)
    assert not any(entry.enabled for entry in web.cron.values() if "203.0.113.66" in entry.command)
    assert web.accounts["sysupd"].password == "locked"
    assert web.updates == {}
    assert not web.isolation.active, "let on the network again"
    assert mon.isolation.active, "nobody has cleaned it, so it stays cut off"
    assert not lab.tenant.hosts["bastion"].isolation.active


def _accounts_are_shut(lab: Lab) -> None:
    finance = lab.scenario_info()["accounts"]["finance"]
    added = lab.scenario_info()["artefacts"]["added"]["id"]
    tried = {one["user"]: (one["password"], one["session"]) for one in come_back(lab) if "@" in one["user"]}
    assert tried[finance] == (DISABLED, DISABLED)
    index = lab.tenant.directory.resolve(added)
    assert index is not None
    assert lab.tenant.directory.peek(index).props["accountEnabled"] is False


def _cloud_is_safe(lab: Lab) -> None:
    cloud, story = lab.cloud, lab.scenario_info()["artefacts"]
    assert not cloud.truth("keys", lab.scenario_info()["accounts"]["key"]).props["active"]
    assert cloud.truth("kms", story["encryption_key"]["id"]).props["state"] == "enabled"
    snapshots = story["snapshots"]
    assert cloud.truth("snapshots", snapshots["shared"]).props["shares"] == []
    locked = {r.id for r in cloud.table("snapshots") if r.props["locked"]}
    assert locked == set(snapshots["keep"]), "of each volume the newest from before, and no other"
    sids = {
        statement["Sid"] for statement in cloud.truth("buckets", story["bucket"]["name"]).props["policy"]["Statement"]
    }
    assert sids == {"TenantryDenyDelete", "TenantryDenyCustomerKeys"}
    (vault,) = cloud.table("vaults")
    assert "TenantryDenyDelete" in str(vault.props["policy"])
    assert "999988887777" not in str(cloud.truth("principals", "role/build").props["trust"])


def _data_is_back(lab: Lab) -> None:
    story, web = lab.scenario_info()["artefacts"], lab.tenant.hosts["web1"]
    good = web.points[story["files"]["good"]].files
    for path in story["files"]["damaged"]:
        assert web.files[path].content == good[path]
    for path in story["files"]["own"]:
        assert web.files[path].content != good[path], "the client's own work after the backup stays"
    assert "/srv/data/contracts/a.txt.locked" in web.files, "what was encrypted is kept"
    rows = lab.cloud.objects[story["bucket"]["name"]]
    last = {row["key"]: row for row in rows}
    for key in story["bucket"]["damaged"]:
        assert last[key]["data"] == f"{key}, as it was".encode()
    assert last["report.xlsx"]["version"] == "v-report-2", "the deployment's own"
    assert last["minutes.txt"]["version"] == "v-minutes-2", "nobody knows whose: for a person"
    assert sum(row.get("sealed", False) for row in rows) == 2, "no version was deleted"
    restored = [e["target"] for e in lab.audit if e["method"] == "restore"]
    assert len(restored) == 1
    assert restored[0].endswith(story["source"]["good"])


async def test_what_was_reached_is_contained_before_anybody_has_answered(lab: LabStand) -> None:
    lab.create()
    state = await without_answers(lab)
    assert state.ended is None
    done = lab.stand.outcomes()
    for step in ("protect_buckets", "isolate[web1]", "disable_units", "deactivate_keys", "unshare_snapshots"):
        found = {outcome for name, outcome in done.items() if name.startswith(step)}
        assert found == {"changed"}, step
    account = [outcome for name, outcome in done.items() if name.startswith(("disable_sign_in", "disable_added"))]
    assert account == ["changed", "changed"]
    assert done["verify_hosts[web1]"] == "observed"
    waiting = {gate.step for gate in state.open_gates()}
    assert {"confirmed", "lock_snapshots", "isolate_others", "restore_files"} <= waiting
    assert not {"release", "watch"} & {name for name, outcome in done.items() if outcome}
    assert lab.lab.tenant.hosts["web1"].files["/srv/data/ledger.csv"].content != b"2026-10-31;1200.00;paid\n"
    stored = [entry["name"] for entry in state.evidence]
    assert any("volatile/01-" in name and "web1" in name for name in stored)
    assert any(name.endswith("executable") for name in stored), "the program was kept before it was ended"


async def test_a_plan_writes_nothing_and_lists_what_the_run_then_changes(lab: LabStand) -> None:
    lab.create(run_id="plan", mode="plan")
    planned = await lab.to_the_end("plan")
    assert planned.ended is Status.PLANNED
    assert not planned.item("containment", None).output["contained"]
    assert lab.lab.audit == []
    lab.create()
    assert changes(planned) == changes(await lab.to_the_end())


async def test_undo_gives_the_attacker_nothing_and_the_damaged_files_back(lab: LabStand) -> None:
    before = {path: file.content for path, file in lab.lab.tenant.hosts["web1"].files.items()}
    lab.create(requester={"person": "bob", "proven": True, "via": "test"})
    await without_answers(lab)
    lab.stand.answer("run-1", "ann", steps=["restore_files"], reason="looked through")
    await without_answers(lab)
    access = await lab.access()
    try:
        engine, web = lab.stand.engine(access), lab.lab.tenant.hosts["web1"]
        assert web.files["/srv/data/ledger.csv"].content != before["/srv/data/ledger.csv"]
        writes = len(lab.lab.audit)
        state = await engine.undo("run-1", step=None, by={"person": "ann"})
        assert state.ended is Status.UNDONE, troubles(lab)
        undone = {(entry["service"], entry["method"]) for entry in lab.lab.audit[writes:]}
        assert undone == {
            *(("hosts", method) for method in ("put_back", "remove_staged", "release")),
            *(
                ("cloud", method)
                for method in (
                    "set_bucket_policy",
                    "set_vault_policy",
                    "set_public_access",
                    "set_groups",
                    "delete_snapshot",
                )
            ),
            *(("cloud", method) for method in ("remove_restored",)),
            ("graph", "PATCH"),
        }, "keys, sessions, trust, shares and the intruder's things are not given back"
        assert {path: file.content for path, file in web.files.items()} == before
        assert not any(key.enabled for key in web.keys.values() if "attacker" in key.comment)
        assert (
            lab.lab.cloud.truth("kms", lab.lab.scenario_info()["artefacts"]["encryption_key"]["id"]).props["state"]
            == "enabled"
        )
        count = len(lab.lab.audit)
        await engine.undo("run-1", step=None, by={"person": "ann"})
        assert len(lab.lab.audit) == count, "repeatable"
        state = await engine.undo("run-1", step="unshare_snapshots", by={"person": "bob"})
        gates = [gate for gate in state.open_gates() if gate.step == "unshare_snapshots"]
        assert gates
        assert all(gate.request["four_eyes"] for gate in gates)
    finally:
        await access.aclose()


async def test_when_everything_that_was_named_is_reached_it_is_contained(lab: LabStand) -> None:
    """And a name that is none of the client's, beside it, is said."""
    lab.lab.tenant.hosts["db1"].reachable = True
    lab.create("run-1", params={"hosts": ["web1", "db1"]})
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED, troubles(lab)
    contained = state.item("containment", None).output
    assert (contained["contained"], contained["gaps"]) == (True, [])
    assert any("It is contained" in str(message) for message in lab.lab.sink.messages)
    assert lab.lab.innocent_touched() == []


async def test_a_host_that_comes_back_is_cleaned_in_the_same_run(lab: LabStand) -> None:
    """It does not answer when the run starts, and does when the others are cut off; it holds up none of them."""
    db, mon = (lab.lab.tenant.hosts[name] for name in ("db1", "mon1"))
    db.keys.update({id: key for id, key in mon.keys.items() if "attacker" in key.comment})
    db.cron.update({id: line for id, line in mon.cron.items() if "203.0.113.66" in line.command})

    async def back() -> None:
        while not any(entry["method"] == "isolate" for entry in lab.lab.audit):  # noqa: ASYNC110  # served in another thread
            await asyncio.sleep(0.01)
        db.reachable = True

    lab.create(params={"wait_for_hosts": 5})
    coming = asyncio.create_task(back())
    state = await lab.to_the_end()
    await coming
    assert state.ended is Status.COMPLETED, troubles(lab)
    outcomes = lab.stand.outcomes()
    assert outcomes["unreached"] == "observed", "a person was asked at once to cut it off where it is plugged in"
    assert outcomes["late_isolate[db1]"] == "changed"
    assert not any(key.enabled for key in db.keys.values() if "attacker" in key.comment)
    assert not any(line.enabled for line in db.cron.values() if "203.0.113.66" in line.command)
    assert outcomes["verify_hosts[db1]"] == "observed"
    assert state.item("containment", None).output["gaps"] == []
    assert not db.isolation.active, "let on the network again with the others"
    assert lab.lab.innocent_touched() == []
    times = {entry["target"]: entry["seq"] for entry in lab.lab.audit if entry["method"] == "isolate"}
    assert times["web1/isolation"] < times["db1/isolation"]


async def test_names_that_are_none_of_the_clients_stop_nothing_and_are_said(lab: LabStand) -> None:
    lab.create(
        params={
            "hosts": ["nobody", "web1"],
            "accounts": ["nobody@contoso-lab.example"],
            "access_keys": ["AKIANOBODY0000000000"],
            "buckets": ["nowhere-at-all"],
            "principals": ["user/nobody"],
            "sources": ["arn:nothing"],
        }
    )
    state = await lab.to_the_end()
    assert state.ended is Status.EXCEPTIONS
    gaps = state.item("containment", None).output["gaps"]
    assert {gap.partition(":")[0] for gap in gaps} >= {
        *("host nobody", "account nobody@contoso-lab.example", "key AKIANOBODY0000000000", "cloud account", "host db1"),
    }
    assert "host web1" not in {gap.partition(":")[0] for gap in gaps}
    assert lab.stand.outcomes()["release[web1]"] == "changed"
    assert lab.lab.innocent_touched() == []


async def test_hosts_alone_of_a_client_without_a_cloud(tmp_path: Path) -> None:
    """No capability of the cloud or of the directory is asked for."""
    lab = LabStand(tmp_path, scenario="ransomware", users=20, runbook="ransomware", params=lambda _: {})
    asked: list[str] = []
    plain = lab.access

    async def access(*args: Any) -> Any:
        opened = await plain(*args)
        give = opened.capability

        async def capability(name: str) -> Any:
            asked.append(name)
            return await give(name)

        opened.capability = capability  # type: ignore[method-assign]  # the one difference
        return opened

    lab.access = access  # type: ignore[method-assign]  # as above
    since = params(lab.lab)["since"]
    lab.create(
        params={"hosts": ["web1"], "since": since, "cloud_account": False, "known_good_ips": ["198.51.100.0/24"]}
    )
    state = await lab.to_the_end()
    assert state.ended is Status.COMPLETED, troubles(lab)
    assert set(asked) == {"host", "host_backup", "messenger"}
    assert state.item("containment", None).output["gaps"] == ["host db1: could not be looked at (unreachable)"]
    lab.close()


async def test_a_payment_that_is_considered_is_held_against_sanctions_and_starts_its_clock(lab: LabStand) -> None:
    lab.create(
        params={"hosts": [], "accounts": [], "access_keys": [], "buckets": [], "sources": [], "cloud_account": False}
    )
    await without_answers(lab)
    lab.stand.answer(
        "run-1", "ann", decision="deny", steps=["not_paying"], reason="management wants to know what it would cost"
    )
    await without_answers(lab)
    waiting = {gate.step for gate in lab.stand.state().open_gates()}
    assert "sanctions" in waiting
    assert "paid" not in waiting
    lab.stand.answer("run-1", "bob", decision="deny", steps=["sanctions"], reason="the group is on the list")
    state = await lab.to_the_end()
    outcomes = lab.stand.outcomes()
    assert (outcomes["paid"], outcomes["paid_clocks"]) == ("skipped", "skipped")
    assert state.item("not_paying", None).output["answer"] == "no"
    assert state.item("sanctions", None).output["answer"] == "no"

"""The runbook as a whole: on the lab's hosts, and on real ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.linux.provider import PROVIDER
from tenantry.discovery import TaskRegistry
from tenantry.places import SHIPPED
from tenantry.run import Status
from tenantry.runbook import load_runbook
from tenantry.task import ReadTask, Task
from tests.support.canary import leaks
from tests.support.compromised import ATTACKER_IP, DEPLOY_IP, OFFICE_IP, plant
from tests.support.hosts import HostNet, host_net
from tests.support.lab_stand import LabStand, audit_key
from tests.support.runs import above, changes, lacking_facts
from tests.support.stand import QUICK

PATH = SHIPPED / "incidents" / "compromised_host.yaml"
EVIDENCE = {"volatile", "host", "activity", "persistence"}


def params() -> dict[str, Any]:
    since = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    return {"host": "web1", "probe": "mon1", "since": since, "known_good_ips": [f"{OFFICE_IP}/24", DEPLOY_IP]}


def ransomed(host: str) -> dict[str, Any]:
    since = (datetime.now(UTC) - timedelta(hours=30)).isoformat()
    return {"host": host, "since": since, "known_good_ips": ["198.51.100.0/24"], "from_backup": True}


@pytest.fixture(scope="module")
def registry() -> TaskRegistry:
    return TaskRegistry.discover(entry_points=False)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabStand]:
    stand = LabStand(
        tmp_path, scenario="compromised_host", users=20, runbook="compromised_host", params=lambda _: params()
    )
    yield stand
    stand.close()


def outcomes(lab: LabStand) -> dict[str, str]:
    return {step["id"]: step["outcome"] for step in lab.stand.view()["steps"]}


class TestFile:
    def test_messages_are_given_every_fact_that_their_templates_need(self, registry):
        assert lacking_facts(load_runbook(PATH, registry)) == {}

    def test_the_most_fleeting_comes_first_and_evidence_before_every_effect(self, registry):
        runbook = load_runbook(PATH, registry)

        for name in ("host", "activity", "persistence"):
            assert "volatile" in above(runbook, name)
        for step in runbook.steps:
            if issubclass(registry.get(step.uses), Task) and step.uses != "messenger.notify":
                assert above(runbook, step.id) >= EVIDENCE, step.id
            if step.phase == "analyse":
                assert issubclass(registry.get(step.uses), ReadTask), step.id

    def test_no_person_stands_before_containment_and_one_before_the_release(self, registry):
        runbook = load_runbook(PATH, registry)
        assert runbook.step("isolate").approve is None
        assert not [up for up in runbook.upstream("isolate") if runbook.step(up).uses.startswith("human.")]
        assert runbook.step("release").approve is not None

    def test_every_effect_over_a_list_says_how_many_it_expects(self, registry):
        for step in load_runbook(PATH, registry).steps:
            if step.for_each and issubclass(registry.get(step.uses), Task):
                assert step.expect_at_most, step.id


class TestOnTheLab:
    async def test_from_the_first_report_to_the_review(self, lab):
        lab.create()
        state = await lab.to_the_end()
        assert state.ended is Status.COMPLETED, outcomes(lab)
        assert lab.lab.innocent_touched() == []
        assert set(Counter(audit_key(lab.lab.audit)).values()) == {1}
        written = {(e["method"], e["target"].split("#")[0]) for e in lab.lab.audit if e["service"] == "hosts"}
        assert written == {
            ("isolate", "web1/isolation"),
            ("signal_stop", "web1/processes/4711:4602647"),
            ("signal_kill", "web1/processes/4711:4602647"),
            ("set_unit_enabled", "web1/units/sys-healthd.service"),
            ("set_cron_enabled", "web1/cron//etc/cron.d/0sync"),
            ("set_cron_enabled", "web1/cron//var/spool/cron/crontabs/deploy"),
            ("set_key_enabled", "web1/keys//root/.ssh/authorized_keys"),
            ("set_key_enabled", "web1/keys//home/sysupd/.ssh/authorized_keys"),
            ("lock_account", "web1/accounts/sysupd"),
            ("install_update", "web1/packages/sudo"),
            ("release", "web1/isolation"),
        }
        assert not lab.lab.tenant.hosts["web1"].isolation.active
        contained = state.item("verify_contained", None).output
        assert contained["contained"]
        assert {proof["state"] for proof in contained["proofs"]} == {"seen"}
        # A key that was stolen from its owner is for a person: it must be changed elsewhere too.
        left = state.item("attribute", None).output["for_person"]
        assert [(t["kind"], t["label"].split(":")[0]) for t in left] == [("account", "deploy"), ("key", "deploy")]

    async def test_the_intruder_is_out_before_anybody_has_answered(self, lab):
        lab.create()
        access = await lab.access()
        state = await lab.stand.engine(access).run("run-1")
        await access.aclose()
        assert state.ended is None
        done = outcomes(lab)
        for name in ("isolate", "stop_processes", "disable_units", "disable_cron", "quarantine_keys", "lock_accounts"):
            assert done[name] == "changed", name
        assert state.item("verify_contained", None).output["contained"]
        assert done["release"] is None
        assert lab.lab.tenant.hosts["web1"].isolation.active
        stored = {entry["name"] for entry in state.evidence}
        assert any(name.endswith("executable") for name in stored), "the program was kept before it was ended"
        assert any("volatile/01-" in name for name in stored)

    async def test_a_plan_writes_nothing_and_lists_what_the_run_then_changes(self, lab):
        lab.create(run_id="plan", mode="plan")
        planned = await lab.to_the_end("plan")
        assert planned.ended is Status.PLANNED
        assert lab.lab.audit == []
        lab.create()
        made = await lab.to_the_end()

        # What is put right in the host's isolation is seen by the plan as one path, set and set back.
        assert changes(planned) == changes(made)

    async def test_what_its_backup_has_is_put_back_and_compared(self, tmp_path):
        """The same runbook on a host whose files were encrypted and whose backup has them."""
        stand = LabStand(
            tmp_path, scenario="ransomware", users=20, runbook="compromised_host", params=lambda _: ransomed("web1")
        )
        stand.create(run_id="plan", mode="plan")
        planned = await stand.to_the_end("plan")
        assert planned.ended is Status.PLANNED, stand.stand.outcomes("plan")
        assert stand.lab.audit == []
        stand.create()
        access = await stand.access()
        waiting = await stand.stand.engine(access).run("run-1")
        await access.aclose()
        assert "restore_files" in {gate.step for gate in waiting.open_gates()}, "nothing is put back unasked"
        state = await stand.to_the_end()
        assert state.ended is Status.COMPLETED, stand.stand.outcomes()
        assert state.item("compare_files", None).output["due"] > 0
        assert state.item("compare_again", None).output["due"] == 0
        story, web = stand.lab.scenario_info()["artefacts"]["files"], stand.lab.tenant.hosts["web1"]
        good = web.points[story["good"]].files
        for path in story["damaged"]:
            assert web.files[path].content == good[path]
        for path in story["own"]:
            assert web.files[path].content != good[path], "the client's own work after the backup stays"
        assert changes(planned) == changes(state)
        stand.close()

    async def test_undo_opens_the_host_and_gives_the_intruder_nothing(self, lab):
        lab.create(requester={"person": "bob", "proven": True, "via": "test"})
        access = await lab.access()
        engine = lab.stand.engine(access)
        await engine.run("run-1")
        assert lab.lab.tenant.hosts["web1"].isolation.active
        state = await engine.undo("run-1", step=None, by={"person": "ann"})
        assert state.ended is Status.UNDONE
        web = lab.lab.tenant.hosts["web1"]
        assert not web.isolation.active
        assert web.units["sys-healthd.service"].enabled == "masked"
        assert not any(key.enabled for key in web.keys.values() if "attacker" in key.comment)
        await access.aclose()

    async def test_the_way_to_other_hosts_is_not_cut_without_asking(self, tmp_path):
        lab = LabStand(
            tmp_path,
            scenario="compromised_host",
            users=20,
            runbook="compromised_host",
            params=lambda _: {"host": "bastion"},
        )
        lab.create()
        access = await lab.access()
        state = await lab.stand.engine(access).run("run-1")
        await access.aclose()
        gate = next(gate for gate in state.open_gates() if gate.step == "isolate")
        assert any("others are reached" in reason for reason in gate.request["reasons"])
        assert not [entry for entry in lab.lab.audit if entry["service"] == "hosts"]
        lab.close()

    async def test_where_nothing_can_be_told_nothing_is_taken_away(self, tmp_path):
        lab = LabStand(
            tmp_path,
            scenario="compromised_host",
            users=20,
            runbook="compromised_host",
            params=lambda _: {"host": "db1"},
        )
        lab.create()
        access = await lab.access()
        state = await lab.stand.engine(access).run("run-1")
        await access.aclose()
        found = state.item("attribute", None).output
        assert {k: found[k] for k in ("accounts", "keys", "cron", "units", "processes")} == {
            k: [] for k in ("accounts", "keys", "cron", "units", "processes")
        }
        assert {e["method"] for e in lab.lab.audit if e["service"] == "hosts"} == {"isolate"}
        lab.close()

    async def test_no_secret_is_anywhere(self, lab, tmp_path):
        lab.create()
        await lab.to_the_end()
        assert leaks(tmp_path, {"sink token": lab.lab.sink_token}) == []


# --- real hosts -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostNet]:
    """The responder may do there what `tenantry tenants check T --least-privilege --runbook compromised_host` prints, and nothing more."""
    registry = TaskRegistry.discover(entry_points=False)
    tasks = [registry.get(step.uses) for step in load_runbook(PATH, registry).steps]
    names = {name for task in tasks for p in task.permissions if p.vendor == "linux" for name in p.names}
    lines = PROVIDER.least_privilege(tuple(sorted(names)), {"account": "responder"}).text
    with host_net(tmp_path_factory.mktemp("hosts")) as made:
        plant(made)
        for host in made.hosts.values():
            host.run("cat > /etc/sudoers.d/responder", stdin=lines.encode())
        yield made


@pytest.fixture
async def real(net: HostNet, lab: LabStand) -> AsyncIterator[LabStand]:
    """The lab's messages, and real hosts behind the capability ``host``."""
    handle = await PROVIDER.open(net.settings("web1", "db1", "mon1"), net.secrets())
    plain = lab.access

    async def access(*args: Any) -> Any:
        opened = await plain(*args)
        opened._handles = {**opened._handles, "host": _Kept(handle)}
        return opened

    lab.access = access  # type: ignore[method-assign]  # the one difference
    yield lab
    await handle.aclose()


class _Kept:
    """A handle that outlives one attempt."""

    def __init__(self, handle: Any) -> None:
        self.capability = handle.capability

    async def aclose(self) -> None:
        """The fixture closes it."""


REAL = replace(QUICK, lease_life=15.0, effect_timeout_cap=12.0, settle=0.5)
"""A real host takes longer than the lab, on a busy machine above all."""


async def test_on_real_hosts(real: LabStand, net: HostNet, tmp_path: Path) -> None:
    web, outside = net.hosts["web1"], net.hosts["mon1"]
    given = {**params(), "updates": "after_release"}
    # Nobody here can fetch packages: updates have a test of their own, with an archive of their own.
    text = real.text.replace("uses: host.apply_updates", "uses: host.read_host")
    real.text = text
    real.create(run_id="plan", mode="plan", params=given)
    before = web.run(
        "nft list tables; cat /etc/cron.d/* ~root/.ssh/authorized_keys; ls -l --time-style=full-iso /etc/systemd/system"
    )
    assert (await real.to_the_end("plan", policy=REAL)).ended is Status.PLANNED
    assert before == web.run(
        "nft list tables; cat /etc/cron.d/* ~root/.ssh/authorized_keys; ls -l --time-style=full-iso /etc/systemd/system"
    )
    real.create(params=given)
    access = await real.access()
    state = await real.stand.engine(access, REAL).run("run-1")
    assert (outcomes(real).get("verify_contained")) == "observed", [
        step for step in real.stand.view()["steps"] if step["error"]
    ]
    assert state.item("verify_contained", None).output["contained"]
    assert not outside.connects(web.address)
    assert not web.connects(ATTACKER_IP)
    assert "kworkerd" not in web.run("ps -eo args")
    assert "report" in web.run("ps -eo args"), "a program that was upgraded goes on"
    assert web.run("systemctl is-enabled sys-healthd.service", check=False).strip() == "masked"
    assert web.run("systemctl is-enabled node-exporter.service").strip() == "enabled"
    assert "\n30 2 * * * root" in "\n" + web.run("cat /etc/cron.d/backup")
    assert web.run("cat /etc/cron.d/0sync").startswith("#tenantry-quarantined ")
    assert "sysupd L" in web.run("passwd -S sysupd")
    keys = web.run("cat ~root/.ssh/authorized_keys").splitlines()
    assert [line.startswith("#tenantry-quarantined ") for line in keys] == [False, True]
    assert "#" not in web.run("cat /home/alice/.ssh/authorized_keys /home/deploy/.ssh/authorized_keys")
    await access.aclose()
    state = await real.to_the_end(policy=REAL)
    assert state.ended is Status.COMPLETED, outcomes(real)
    assert web.run("nft list tables") == ""
    assert outside.connects(web.address)
    assert "tenantry" not in web.run("ls -A /tmp /var/tmp /root /home/responder /etc/cron.d /dev/shm")
    assert "tenantry-" not in web.run("ps -eo args")
    pem = net.key.pem.decode().split("\n")[2]
    assert leaks(tmp_path, {"ssh key": pem}) == []
    for entry in state.evidence:
        assert real.stand.evidence.verify("acme", entry["sha256"]) == entry["size"]

"""Whole sweeps: attacks are found, quiet days stay quiet, and what was not looked at is said."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenantry.errors import InvalidInput
from tenantry.places import SHIPPED
from tenantry.sweep.engine import Detections, Seen, sweep_logs
from tenantry.sweep.logs import cloudtrail
from tenantry.sweep.model import Sweep, rank
from tenantry.sweep.report.page import page
from tests.tenantry.sweep.days import Aws, Microsoft

ROOTS = (SHIPPED / "detections",)


@cache
def loaded(format: str) -> Detections:
    return Detections.load(format, ROOTS)


def sweep(tmp_path: Path, format: str, rows: list[Any], name: str = "log.json") -> Sweep:
    path = tmp_path / format
    path.mkdir(exist_ok=True)
    (path / name).write_text(json.dumps(rows))
    return sweep_logs([path], loaded(format), scratch=tmp_path)


def serious(found: Sweep) -> list[str]:
    return [
        f"{one.severity} {one.rule} {one.entity['id']} {one.evidence['summary']}"
        for one in found.findings
        if rank(one.severity) >= rank("medium")
    ]


def caught(found: Sweep, steps: dict[str, list[str]]) -> set[str]:
    """The steps of an attack of which a serious finding names an event."""
    ids = {id for one in found.findings if rank(one.severity) >= rank("medium") for id in one.event_ids}
    return {step for step, of in steps.items() if ids & set(of)}


@pytest.mark.parametrize("seed", range(2))
def test_quiet_days_in_an_account(tmp_path: Path, seed: int) -> None:
    day = Aws(seed)
    day.quiet()
    found = sweep(tmp_path, "cloudtrail", day.shuffled())
    assert found.events_read == len(day.rows)
    assert serious(found) == []


@pytest.mark.parametrize("seed", range(1))
def test_quiet_days_in_a_tenant(tmp_path: Path, seed: int) -> None:
    day = Microsoft(seed)
    day.quiet()
    for format, rows in (("ual", day.shuffled()), ("entra-signin", day.sign_ins), ("entra-audit", day.audits)):
        found = sweep(tmp_path, format, rows)
        assert found.events_read == len(rows)
        assert serious(found) == []


@pytest.mark.parametrize("seed", range(2))
def test_an_attack_in_an_account(tmp_path: Path, seed: int) -> None:
    day = Aws(seed)
    day.quiet()
    quiet = {row["eventID"] for row in day.rows}
    steps = day.attack(2)
    found = sweep(tmp_path, "cloudtrail", day.shuffled())
    assert caught(found, steps) == set(steps)
    assert found.entities[0]["id"].rpartition("/")[2] in ("report-sync", "aws-support-sync")
    beside = [
        id for one in found.findings if rank(one.severity) >= rank("medium") for id in one.event_ids if id in quiet
    ]
    assert len(beside) <= 5  # a stolen session's finding names what it was compared with


def test_what_is_only_counted_is_counted_like_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most events meet no rule and never become one; all that is said of the log is the same as if each had been looked at."""
    day = Aws(4, days=2)
    day.quiet()
    day.attack(1)
    # A role taken again and again: whoever took it stands behind what the last of the sessions did.
    for number in range(4):
        at = day.at(1, 10) + timedelta(seconds=number)
        day.call(
            at,
            day.user("x"),
            "sts:AssumeRole",
            None,
            responseElements={"credentials": {"accessKeyId": f"ASIA{number}"}},
        )
    session = {"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/deploy/s", "accessKeyId": "ASIA3"}
    day.call(day.at(1, 11), session, "cloudtrail:StopLogging")
    rows = sorted(day.rows, key=lambda row: str(row["eventTime"]))
    rows += rows[::7]
    quiet: list[str] = []
    plain = cloudtrail.read

    def counted(stream: Any, intake: Any) -> Any:
        tell = intake.quiet
        intake.quiet = lambda kin, id, *rest: (quiet.append(id), tell(kin, id, *rest))
        yield from plain(stream, intake)

    detections = replace(loaded("cloudtrail"), source=replace(loaded("cloudtrail").source, read=counted))
    path = tmp_path / "log.json"
    path.write_text(json.dumps(rows))
    together = sweep_logs([path], detections, scratch=tmp_path)
    assert len(quiet) > len(rows) / 4
    monkeypatch.setattr(cloudtrail, "_remember", lambda found, known: None)
    alone = sweep_logs([path], loaded("cloudtrail"))
    assert together.as_dict() == alone.as_dict()
    assert together.density == alone.density
    assert any(one.get("through") for entity in together.entities for one in entity["because"])


def test_attacks_in_a_tenant(tmp_path: Path) -> None:
    day = Microsoft(7)
    day.quiet()
    steps: dict[str, list[str]] = {}
    for attack in (day.business_email_compromise, day.consent_phishing, day.spray, day.device_code, day.persistence):
        steps.update(attack(2))
    found = [
        sweep(tmp_path, format, rows)
        for format, rows in (("ual", day.shuffled()), ("entra-signin", day.sign_ins), ("entra-audit", day.audits))
    ]
    missed = set(steps) - set().union(*(caught(one, steps) for one in found))
    # A method that the account itself added is every day's; it counts where a new place came before, in one log.
    assert missed <= {"method"}
    mail, sign_ins, audits = found
    assert mail.entities[0]["id"] in (day.users[11], "admin@corp.example")
    assert "password_spray_opened" in {one.rule for one in sign_ins.findings}
    assert {one.entity["id"] for one in sign_ins.findings if one.rule == "password_spray_opened"} == {day.users[55]}
    assert audits.entities[0]["id"] == "admin@corp.example"


def test_order_repetition_and_packing_change_nothing(tmp_path: Path) -> None:
    day = Aws(5, days=1)
    day.quiet()
    day.attack(0)
    plain = sweep(tmp_path, "cloudtrail", day.rows)
    rows = [*day.rows, *day.rows[: len(day.rows) // 2]]
    random.Random(1).shuffle(rows)
    other = tmp_path / "other"
    other.mkdir()
    for number in range(0, len(rows), 500):
        (other / f"{number}.json.gz").write_bytes(
            gzip.compress(json.dumps({"Records": rows[number : number + 500]}).encode())
        )
    packed = sweep_logs([other], loaded("cloudtrail"))
    assert packed.events_read == plain.events_read
    assert packed.events_repeated == len(day.rows) // 2

    def told(found: Sweep) -> Any:
        return sorted(
            (one.rule, one.entity["id"], one.count, sorted(one.event_ids)) for one in found.findings if one.count < 200
        )

    assert told(packed) == told(plain)


def test_an_export_with_columns_and_broken_rows(tmp_path: Path) -> None:
    day = Microsoft(3, days=1, users=10)
    day.users += [f"extra{number}@corp.example" for number in range(80)]
    steps = day.business_email_compromise(0)
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(["RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData"])
    for row in day.rows:
        writer.writerow([row["Id"], row["CreationTime"], 1, row["Operation"], row["UserId"], json.dumps(row)])
    lines = out.getvalue().splitlines()
    lines.insert(2, f'"{day.id()}","2026-09-14","1","Send","x","{{""cut"": ""of')
    lines.insert(4, lines[3])
    path = tmp_path / "export.csv"
    path.write_bytes("\ufeff".encode("utf-16-le") + "\r\n".join(lines).encode("utf-16-le"))
    found = sweep_logs([path], loaded("ual"))
    assert found.events_read == len(day.rows)
    assert found.events_unreadable == 1
    assert found.events_repeated == 1
    assert {"rule", "forward"} <= caught(found, steps)


def test_nothing_read_is_not_clean(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")
    found = sweep_logs([tmp_path / "empty.json"], loaded("cloudtrail"))
    assert found.findings == []
    assert found.could_not_check == [{"check": "all", "why": "no event of the format cloudtrail could be read"}]


def test_what_the_log_does_not_show_is_said(tmp_path: Path) -> None:
    day = Aws(1, days=1)
    day.quiet()
    checks = {one["check"] for one in sweep(tmp_path, "cloudtrail", day.rows).could_not_check}
    assert "reads and deletions of objects, invocations of functions" in checks
    assert "first seen network, client, country, region" in checks


def test_wrong_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--format"):
        Detections.load("syslog", ROOTS)
    with pytest.raises(InvalidInput, match="--rules"):
        Detections.load("cloudtrail", ROOTS, (tmp_path / "nowhere",))


def test_nothing_is_left_in_the_scratch_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    day = Aws(1, days=1)
    day.quiet()
    path = tmp_path / "log.json"
    path.write_text(json.dumps(day.rows))
    sweep_logs([path], loaded("cloudtrail"), scratch=scratch)
    assert list(scratch.iterdir()) == []


def test_ids_are_remembered_within_bounds() -> None:
    seen = Seen(generation=10)
    assert not seen.before("a")
    assert seen.before("a")
    for number in range(25):
        seen.before(str(number))
    assert not seen.before("a")  # long ago


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.text(max_size=8)
    | st.sampled_from(["2026-11-22T10:00:00Z", "x@y.example", "*", "[]", "{}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=6) | st.sampled_from(["Name", "Value", "NewValue", "ID", "type", "arn", "user", "items"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
FIELDS = {
    "cloudtrail": ["eventName", "eventTime", "eventID", "userIdentity", "requestParameters", "responseElements", "errorCode", "sourceIPAddress", "userAgent", "awsRegion", "readOnly", "recipientAccountId"],
    "ual": ["Operation", "CreationTime", "Id", "UserId", "UserType", "ClientIP", "Parameters", "ModifiedProperties", "ExtendedProperties", "OperationProperties", "Actor", "Target", "Workload", "AuditData", "DeviceProperties", "AppAccessContext"],
    "entra-signin": ["id", "createdDateTime", "userPrincipalName", "status", "location", "deviceDetail", "riskEventTypes_v2", "ipAddress", "sessionId", "userAgent", "properties"],
    "entra-audit": ["id", "activityDateTime", "activityDisplayName", "initiatedBy", "targetResources", "additionalDetails", "properties"],
}  # fmt: skip
NAMES = {
    "eventName": "PutBucketPolicy",
    "Operation": "New-InboxRule",
    "activityDisplayName": "Update conditional access policy",
    "userPrincipalName": "a@b.example",
}
TIMES = ("eventTime", "CreationTime", "createdDateTime", "activityDateTime")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
@pytest.mark.parametrize("format", list(FIELDS))
def test_nothing_in_a_log_stops_a_sweep(tmp_path: Path, format: str, data: st.DataObject) -> None:
    """Fields of any type: whoever is in a log chose some of them."""
    rows = data.draw(
        st.lists(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS[format], json_values)), min_size=1, max_size=6)
    )
    for row in rows:
        for name in (*NAMES, *TIMES):
            if name in FIELDS[format] and data.draw(st.booleans()):
                row[name] = NAMES.get(name, "2026-11-22T10:00:00Z")
    path = tmp_path / "any.json"
    path.write_text(json.dumps(rows))
    found = sweep_logs([path], loaded(format))
    assert found.events_read + found.events_repeated + found.events_unreadable >= len(rows)
    json.dumps(found.as_dict())
    page(found)


def test_detections_are_loaded_anew_when_a_file_changes(tmp_path: Path) -> None:
    folder = tmp_path / "linux"
    folder.mkdir()
    shipped = SHIPPED / "detections" / "linux" / "linux_ssh_root_password.yml"
    mine = folder / "mine.yml"
    mine.write_text(shipped.read_text())
    first = Detections.kept("sshd", (tmp_path,))
    assert Detections.kept("sshd", (tmp_path,)) is first
    mine.write_text(shipped.read_text().replace("title: ", "title: My own "))
    assert Detections.kept("sshd", (tmp_path,)).rules.rules[0].title.startswith("My own ")
    (folder / "more.yml").write_text((SHIPPED / "detections" / "linux" / "linux_ssh_guessed.yml").read_text())
    assert Detections.kept("sshd", (tmp_path,)) is not first

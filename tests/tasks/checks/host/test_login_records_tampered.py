from __future__ import annotations

from tasks.checks.host.login_records_tampered import LoginRecordsTampered
from tenantry.capabilities.host_survey import LoginRecord, Records
from tests.tasks.checks.host._facts import cannot, found, survey

CHECK = LoginRecordsTampered()


def odd(path: str, kind: str) -> Records:
    return Records(odd=(LoginRecord.model_validate({"path": path, "kind": kind}),), entries=9)


def test_entries_that_were_wiped() -> None:
    assert found(CHECK, survey(records=odd("/var/log/wtmp", "zeroed"))) == [("high", "/var/log/wtmp zeroed")]
    assert found(CHECK, survey(records=odd("/var/log/auth.log", "linked_away"))) == [
        ("high", "/var/log/auth.log linked_away")
    ]
    assert found(CHECK, survey(records=odd("/home/alice/.bash_history", "linked_away")))[0][0] == "medium"
    assert found(CHECK, survey(records=odd("/var/log/wtmp", "backwards")))[0][0] == "medium"


def test_sound_ones() -> None:
    assert found(CHECK, survey(records=Records(entries=40))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "records")

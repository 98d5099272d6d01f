"""What was found of a backup is judged: only what holds in everything is good, and what nobody could tell is never."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tenantry.disaster.backups import BackupToCheck, StandsOn, checked, known

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = 86_400


def backup(**more: Any) -> BackupToCheck:
    given: dict[str, Any] = {
        "source": "db",
        "through": "backup",
        "systems": [StandsOn(plan="web", system="db", rpo_seconds=2 * DAY)],
        "every_seconds": DAY,
        "immutable": False,
        "tested_on": date(2026, 11, 1),
        "test_every_days": 180,
        "look": "look",
    }
    return BackupToCheck(**{**given, **more})


TESTED = {"restore": "restore", "compare": "compare", "discard": "discard"}


def looked(hours: float | None = 1, **more: Any) -> dict[str, Any]:
    at = None if hours is None else (NOW - timedelta(hours=hours)).isoformat().replace("+00:00", "Z")
    return step("look", "observed", output={"point": None if at is None else "p", "newest_at": at, **more})


def step(id: str, outcome: str | None, **more: Any) -> dict[str, Any]:
    return {"id": id, "item": None, "outcome": outcome, "output": None, "error": None, "note": None, **more}


def row(one: BackupToCheck, *steps: dict[str, Any]) -> Any:
    (found,) = checked([one], {"steps": list(steps)}, NOW)
    return found


GOOD = (step("restore", "changed"), step("compare", "observed", output={"verified": True}), step("discard", "changed"))


def test_restored_and_compared_is_good() -> None:
    found = row(backup(tested_on=None, **TESTED), looked(), *GOOD)
    assert (found.state, found.restored, found.tested_on, found.problems) == ("good", "proven", NOW.date(), [])
    assert row(backup(), looked()).state == "good", "tested lately, and none is due"


@pytest.mark.parametrize(
    ("look", "state", "said"),
    [
        (looked(29), "good", ""),
        (looked(31), "wanting", "there is to be one every 1d"),
        (looked(49), "impossible", "less may be lost of: db (2d)"),
        (looked(None), "impossible", "no good recovery point"),
        (step("look", "failed", error={"message": "no such repository"}), "unknown", "no such repository"),
        (step("look", None), "unknown", "not come to"),
    ],
)
def test_age_against_what_may_be_lost(look: dict[str, Any], state: str, said: str) -> None:
    found = row(backup(), look)
    assert found.state == state
    assert said in "".join(found.problems)


@pytest.mark.parametrize(
    ("steps", "state", "restored"),
    [
        ([step("restore", "failed", error={"message": "no room"})], "impossible", "failed"),
        ([step("restore", "unknown", error={"message": "gone quiet"})], "unknown", "unknown"),
        ([step("restore", "skipped", note="cancelled")], "unknown", "unknown"),
        ([], "unknown", "unknown"),
        ([GOOD[0], step("compare", "failed", error={"message": "missing: /a"})], "impossible", "failed"),
        ([GOOD[0], step("compare", "unknown")], "unknown", "unknown"),
        ([GOOD[0], step("compare", "observed", output={"verified": False, "limits": "x"})], "wanting", "not_compared"),
        ([*GOOD[:2], step("discard", "failed", error={"message": "no"})], "wanting", "proven"),
    ],
)
def test_a_test_restore_that_did_not_come_to_its_end(steps: list[Any], state: str, restored: str) -> None:
    found = row(backup(**TESTED), looked(), *steps)
    assert (found.state, found.restored) == (state, restored)
    assert found.problems


def test_never_tested_too_long_ago_and_deletable() -> None:
    assert row(backup(tested_on=None), looked()).problems == ["no restore of it was ever compared"]
    assert "is of 2026-01-01" in row(backup(tested_on=date(2026, 1, 1)), looked()).problems[0]
    claimed = backup(immutable=True)
    assert row(claimed, looked()).problems == ["the plan says that nobody can delete it, and nothing shows that"]
    assert row(claimed, looked(locked_until="2026-11-22T11:00:00.000000Z")).state == "wanting", "it is over"
    assert row(claimed, looked(locked_until="2027-01-01T00:00:00.000000Z")).state == "good"


def test_hosts_are_compared_by_what_restores_them() -> None:
    one = backup(tested_on=None, through="host_backup", restore="restore", discard="discard")
    assert row(one, looked(), GOOD[0], GOOD[2]).restored == "proven"


def test_what_the_record_knows_is_of_the_newest_check_and_the_last_restore() -> None:
    tested = row(backup(tested_on=None, **TESTED), looked(), *GOOD)
    broken = row(backup(), looked(None))
    found = known([[broken], [tested]])["db"]
    assert (found.tested_on, found.problems) == (NOW.date(), ("there is no good recovery point",))
    assert known([[tested], [broken]])["db"].problems == ()
    claimed = row(backup(), looked())  # what a plan's file says of a test is no test of the record's
    assert known([[claimed]])["db"].tested_on is None

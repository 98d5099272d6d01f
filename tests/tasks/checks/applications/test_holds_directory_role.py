from __future__ import annotations

from tasks.checks.applications.holds_directory_role import HoldsDirectoryRole
from tests.tasks.checks.applications._facts import APP, NAMED
from tests.tasks.checks.identity._facts import holding
from tests.tasks.checks.looks import LONG_AGO, OURS, found

CHECK = HoldsDirectoryRole()
IT = {"kind": "application", "principal": "DocuVault Sign", "app_id": APP}


def test_new_and_old_great_and_small() -> None:
    assert found(CHECK, holding(**IT)) == [("high", NAMED)]
    assert found(CHECK, holding(**IT, began_at=None)) == [("high", NAMED)]
    assert found(CHECK, holding(**IT, began_at=LONG_AGO)) == [("medium", NAMED)]
    assert found(CHECK, holding(**IT, privileged=False)) == [("medium", NAMED)]
    assert found(CHECK, holding(**IT, privileged=False, began_at=LONG_AGO)) == [("low", NAMED)]


def test_people_the_vendors_own_and_ours() -> None:
    assert found(CHECK, holding()) == []
    assert found(CHECK, holding(**IT, first_party=True)) == []
    assert found(CHECK, holding(**{**IT, "app_id": OURS})) == []
    assert found(CHECK, holding(**IT, how="eligible")) == []

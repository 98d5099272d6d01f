from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from integrations.lab.lab import Lab
from integrations.microsoft365.permissions import CONTAINS, with_contained
from tenantry.discovery import TaskRegistry

NAMES = sorted(CONTAINS.keys() | {one for found in CONTAINS.values() for one in found})


def test_what_follows_from_what_follows() -> None:
    assert {"Mail.Read", "Mail.ReadBasic.All"} <= with_contained(["Mail.ReadWrite"])
    assert "User.Read.All" in with_contained(["Directory.ReadWrite.All"])
    assert with_contained(["Anything.Else"]) == {"Anything.Else"}


def test_reading_never_contains_writing() -> None:
    for name in NAMES:
        if ".Read." in name or name.endswith(".Read"):
            assert not any("ReadWrite" in one or "Enable" in one for one in with_contained([name])), name


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_it_is_a_closure(one: set[str], two: set[str]) -> None:
    assert with_contained(with_contained(one)) == with_contained(one) >= one
    assert with_contained(one | two) == with_contained(one) | with_contained(two)


def test_a_lab_with_every_permission_lacks_nothing_that_a_task_declares() -> None:
    lab = Lab(scenario="quiet", users=20)
    granted = with_contained(lab.granted_roles | lab.exchange_roles)
    for task in TaskRegistry.discover():
        for permission in task.permissions:
            if permission.vendor == "microsoft365":
                assert set(permission.names) <= granted, task.name

from __future__ import annotations

from integrations.microsoft365._read import GUID
from integrations.microsoft365.roles import ALSO, LABELLED, PRIVILEGED


def test_the_vendors_label_and_ours_do_not_overlap() -> None:
    assert not LABELLED.keys() & ALSO.keys()
    assert LABELLED.keys() | ALSO.keys() == PRIVILEGED
    assert all(GUID.fullmatch(template) and template == template.lower() for template in PRIVILEGED)


def test_roles_that_decide_an_incident() -> None:
    names = set(LABELLED.values()) | set(ALSO.values())
    assert {"Global Administrator", "Privileged Role Administrator", "Exchange Administrator"} <= names
    assert "Directory Readers" not in names

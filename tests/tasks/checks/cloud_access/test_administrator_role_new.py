from __future__ import annotations

from tasks.checks.cloud_access.administrator_role_new import AdministratorRoleNew
from tests.tasks.checks._cloud import ALL, NEW, OWN, OWNER, found, role, trusting

CHECK = AdministratorRoleNew()

PEOPLE = trusting({"AWS": f"arn:aws:iam::{OWN}:root"})


def test_a_new_role_for_people() -> None:
    assert found(CHECK, role(rights=ALL, created_at=NEW, trust=PEOPLE)) == [("medium", "app")]
    assert found(CHECK, role(rights=ALL, created_at=NEW, trust=trusting("*"))) == [("medium", "app")]


def test_an_old_one_a_services_and_the_organisations_are_none() -> None:
    assert found(CHECK, role(rights=ALL, trust=PEOPLE)) == []
    assert found(CHECK, role(rights=ALL, created_at=NEW)) == []
    assert found(CHECK, role(created_at=NEW, trust=PEOPLE)) == []
    managed = trusting({"AWS": f"arn:aws:iam::{OWNER}:root"})
    assert found(CHECK, role(rights=ALL, created_at=NEW, trust=managed)) == []
    assert found(CHECK, role(rights=ALL, created_at=NEW, trust={})) == []

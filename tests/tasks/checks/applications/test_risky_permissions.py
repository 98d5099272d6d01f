from __future__ import annotations

from tasks.checks.applications.risky_permissions import RiskyPermissions
from tests.tasks.checks.applications._facts import NAMED, TRUSTED, application, permission
from tests.tasks.checks.looks import LONG_AGO, found

CHECK = RiskyPermissions()
NEW = (permission("User.Read.All"), permission("Mail.ReadWrite"))
OLD = (permission("full_access_as_app", LONG_AGO),)


def test_given_lately() -> None:
    assert found(CHECK, application(permissions=NEW)) == [("high", NAMED)]
    assert found(CHECK, application({"own": True}, permissions=NEW)) == [("high", NAMED)]
    assert found(CHECK, application({"verified": True}, permissions=NEW)) == [("medium", NAMED)]


def test_of_old_it_weighs_less() -> None:
    assert found(CHECK, application(permissions=OLD)) == [("medium", NAMED)]
    assert found(CHECK, application({"own": True}, permissions=OLD)) == [("low", NAMED)]
    assert found(CHECK, application({"verified": True}, permissions=OLD)) == [("low", NAMED)]
    managed = {"raw": {"servicePrincipalType": "ManagedIdentity"}}
    assert found(CHECK, application(managed, permissions=OLD)) == [("low", NAMED)]


def test_small_ones_none_or_a_trusted_application() -> None:
    assert found(CHECK, application(permissions=(permission("User.Read.All"), permission("Mail.ReadBasic.All")))) == []
    assert found(CHECK, application()) == []
    for trusted in TRUSTED:
        assert found(CHECK, application(trusted, permissions=NEW)) == []

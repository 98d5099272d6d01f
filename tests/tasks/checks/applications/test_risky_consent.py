from __future__ import annotations

from tasks.checks.applications.risky_consent import RiskyConsent
from tests.tasks.checks.applications._facts import NAMED, grant
from tests.tasks.checks.looks import OURS, found

CHECK = RiskyConsent()


def test_mail_and_files() -> None:
    assert found(CHECK, grant("Mail.Read", "offline_access")) == [("high", NAMED)]
    assert found(CHECK, grant("Files.ReadWrite.All", account_id=None)) == [("high", NAMED)]


def test_verified_publishers_and_own_applications_weigh_less() -> None:
    assert found(CHECK, grant("Mail.Read", verified=True)) == [("low", NAMED)]
    assert found(CHECK, grant("Mail.Read", own=True)) == [("medium", NAMED)]
    telephone = "f8d98a96-0999-43f5-8af3-69971c7bb423"
    assert [one for one, _ in found(CHECK, grant("EWS.AccessAsUser.All", app_id=telephone))] == ["low"]


def test_small_scopes_the_vendors_own_and_ours() -> None:
    assert found(CHECK, grant("User.Read", "openid", "profile", account_id=None)) == []
    assert found(CHECK, grant()) == []
    assert found(CHECK, grant("Mail.Read", first_party=True)) == []
    assert found(CHECK, grant("Mail.Read", app_id=OURS)) == []

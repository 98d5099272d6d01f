from __future__ import annotations

from datetime import timedelta

from tasks.checks.applications.credential_new import CredentialNew
from tests.tasks.checks.applications._facts import NAMED, TRUSTED, application, credential
from tests.tasks.checks.looks import LATELY, LONG_AGO, found

CHECK = CredentialNew()
LIVING = credential(id="c0", begins_at=LONG_AGO, ends_at=LATELY + timedelta(days=300))
ENDING = credential(id="c0", begins_at=LONG_AGO, ends_at=LATELY + timedelta(days=20))


def test_beside_one_that_lives_on() -> None:
    assert found(CHECK, application(credentials=(LIVING, credential()))) == [("high", NAMED)]
    assert found(CHECK, application(credentials=(credential(kind="key"),))) == [("high", NAMED)]


def test_a_renewal_and_a_new_application_weigh_less() -> None:
    assert found(CHECK, application(credentials=(ENDING, credential()))) == [("medium", NAMED)]
    own = application({"own": True}, created_at=LATELY, credentials=(credential(),))
    assert found(CHECK, own) == [("medium", NAMED)]
    strangers = application(created_at=LATELY, credentials=(credential(),))
    assert found(CHECK, strangers) == [("high", NAMED)]


def test_old_ones_signing_certificates_and_trusted_applications() -> None:
    assert found(CHECK, application(credentials=(LIVING,))) == []
    signs = credential(kind="key", holder="principal", raw={"usage": "Sign"})
    assert found(CHECK, application(credentials=(signs,))) == []
    assert found(CHECK, application(credentials=(credential(begins_at=None),))) == []
    for trusted in TRUSTED:
        assert found(CHECK, application(trusted, credentials=(credential(),))) == []
    assert found(CHECK, application()) == []


def test_what_comes_with_single_sign_on_and_managed_identities() -> None:
    signs = credential(id="s1", kind="key", holder="principal", raw={"usage": "Sign", "customKeyIdentifier": "AB"})
    verifies = credential(id="s2", kind="key", holder="principal", raw={"usage": "Verify", "customKeyIdentifier": "AB"})
    password = credential(id="s1", holder="principal")
    strange = credential(id="s3", kind="key", holder="principal", raw={"usage": "Verify", "customKeyIdentifier": "CD"})
    assert found(CHECK, application(credentials=(signs, verifies))) == [("low", NAMED)]
    assert found(CHECK, application(credentials=(signs, password))) == [("low", NAMED)]
    assert found(CHECK, application(credentials=(signs, strange))) == [("high", NAMED)]
    managed = {"raw": {"servicePrincipalType": "ManagedIdentity"}}
    assert found(CHECK, application(managed, credentials=(credential(kind="key"),))) == []

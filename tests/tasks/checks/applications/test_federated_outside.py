from __future__ import annotations

import pytest

from tasks.checks.applications.federated_outside import FederatedOutside
from tests.tasks.checks.applications._facts import HOME, NAMED, TRUSTED, application, federated
from tests.tasks.checks.looks import PARTNER, found

CHECK = FederatedOutside()


@pytest.mark.parametrize(
    "issuer",
    [
        "https://idp.evil.example",
        "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0",
    ],
)
def test_a_provider_that_nobody_knows(issuer: str) -> None:
    assert found(CHECK, application({"own": True}, federated=(federated(issuer),))) == [("high", NAMED)]


@pytest.mark.parametrize(
    "issuer",
    [
        "https://token.actions.githubusercontent.com",
        f"https://login.microsoftonline.com/{HOME}/v2.0",
        f"https://sts.windows.net/{PARTNER}/",
    ],
)
def test_builders_and_tenants_that_are_known(issuer: str) -> None:
    assert found(CHECK, application({"own": True}, federated=(federated(issuer),))) == []


def test_none_or_a_trusted_application() -> None:
    assert found(CHECK, application()) == []
    for trusted in TRUSTED:
        assert found(CHECK, application(trusted, federated=(federated("https://idp.evil.example"),))) == []

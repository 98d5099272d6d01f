from __future__ import annotations

from tasks.checks.cloud_access.role_open_to_any_workflow import RoleOpenToAnyWorkflow
from tests.tasks.checks._cloud import OWN, found, role, trusting

CHECK = RoleOpenToAnyWorkflow()

ISSUER = "token.actions.githubusercontent.com"
GITHUB = {"Federated": f"arn:aws:iam::{OWN}:oidc-provider/{ISSUER}"}


def test_any_workflow() -> None:
    assert found(CHECK, role(trust=trusting(GITHUB))) == [("high", "app")]
    audience = trusting(GITHUB, StringEquals={f"{ISSUER}:aud": "sts.amazonaws.com"})
    assert found(CHECK, role(trust=audience)) == [("high", "app")]
    everything = trusting(GITHUB, StringLike={f"{ISSUER}:sub": ["repo:acme/app:*", "repo:*"]})
    assert found(CHECK, role(trust=everything)) == [("high", "app")]


def test_one_organisation_an_own_issuer_and_nobody_are_none() -> None:
    assert found(CHECK, role(trust=trusting(GITHUB, StringLike={f"{ISSUER}:sub": "repo:acme/*"}))) == []
    own = {"Federated": f"arn:aws:iam::{OWN}:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/X"}
    assert found(CHECK, role(trust=trusting(own))) == []
    assert found(CHECK, role(trust=trusting({"Federated": "cognito-identity.amazonaws.com"}))) == []
    assert found(CHECK, role()) == []
    assert found(CHECK, role(trust={})) == []

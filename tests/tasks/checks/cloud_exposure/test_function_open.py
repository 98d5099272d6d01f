from __future__ import annotations

from tasks.checks.cloud_exposure.function_open import FunctionOpen
from tests.tasks.checks._cloud import HUB, OWN, STRANGER, found, function, policy

CHECK = FunctionOpen()

CALL = "lambda:InvokeFunction"


def test_strangers_and_everybody() -> None:
    assert found(CHECK, function(policy=policy({"AWS": STRANGER}, CALL))) == [("high", "fn")]
    assert found(CHECK, function(policy=policy("*", CALL))) == [("high", "fn")]


def test_an_address_for_everybody_is_said_and_no_more() -> None:
    url = {"lambda:FunctionUrlAuthType": "NONE"}
    assert found(CHECK, function(policy=policy("*", "lambda:InvokeFunctionUrl", StringEquals=url))) == [("low", "fn")]
    through = {"lambda:InvokedViaFunctionUrl": "true"}
    assert found(CHECK, function(policy=policy("*", CALL, Bool=through))) == [("low", "fn")]


def test_services_our_own_and_those_that_we_know_are_none() -> None:
    assert found(CHECK, function()) == []
    assert found(CHECK, function(policy=policy({"Service": "apigateway.amazonaws.com"}, CALL))) == []
    assert found(CHECK, function(policy=policy("*", CALL, StringEquals={"aws:PrincipalOrgID": "o-acme"}))) == []
    assert found(CHECK, function(policy=policy({"AWS": HUB}, CALL))) == []
    assert found(CHECK, function(policy=policy({"AWS": f"arn:aws:iam::{OWN}:root"}, CALL))) == []

"""A role of a client's account that closes its own door; and a hub whose own key is refused, which says nothing of the account."""

from __future__ import annotations

import json

import pytest

from integrations.aws.departure import NOBODY
from tenantry.errors import SignInFailed
from tests.support.aws_stand import Account, AwsStand


async def test_it_closes_itself_and_is_refused_then(aws: AwsStand, account: Account) -> None:
    aws.gaps.allowed[account.id] = {"iam:UpdateAssumeRolePolicy"}
    handle = await account.open()
    try:
        assert await handle.can_depart()
        assert (await handle.check()).signed_in
        await handle.depart()
    finally:
        await handle.aclose()
    role = account.client("iam").get_role(RoleName=account.role)["Role"]
    assert role["AssumeRolePolicyDocument"] == NOBODY
    again = await account.open()
    try:
        found = await again.check()
    finally:
        await again.aclose()
    assert (found.signed_in, found.refused) == (False, True)
    assert account.role in again.remains()[0]


@pytest.mark.parametrize("allowed", [None, set(), {"iam:GetRole"}])
async def test_without_the_permission_a_person_does_it(
    aws: AwsStand, account: Account, allowed: set[str] | None
) -> None:
    if allowed is not None:
        aws.gaps.allowed[account.id] = allowed
    handle = await account.open()
    try:
        assert not await handle.can_depart()
    finally:
        await handle.aclose()


async def test_a_hub_that_is_refused_says_nothing_of_the_account(aws: AwsStand, account: Account) -> None:
    aws.strict = True
    try:
        account.secrets = {"access_key": "AKIANOBODYNOBODY0000", "secret_key": "x"}
        handle = await account.open()
        try:
            with pytest.raises(SignInFailed):
                await handle._sessions.ready()
            found = await handle.check()
        finally:
            await handle.aclose()
    finally:
        aws.strict = False
    assert (found.signed_in, found.refused) == (False, False)
    assert any("the account was not asked" in one for one in found.problems), json.dumps(found.problems)

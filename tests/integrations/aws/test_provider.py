"""Sign-in, the account that is reached and no other, and what a check-up says."""

from __future__ import annotations

import asyncio
import gc
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes, ValidationError

from integrations.aws import session
from integrations.aws.actions import ACTIONS, EXCESSIVE, every_action, least_policy
from integrations.aws.provider import CAPABILITIES, PROVIDER, AwsHandle, HubSettings, Settings
from tenantry.capabilities import CAPABILITIES as PROTOCOLS
from tenantry.errors import InvalidTenant, OutOfScope, SignInFailed, TenantryError
from tenantry.least import LeastPrivilege
from tenantry.providers import Estate, Ours
from tests.support.aws_gaps import Reply
from tests.support.aws_stand import HUB_SECRET, REGIONS, Account, AwsStand, the_stand

GOOD: dict[str, Any] = {
    "account": "123456789012",
    "role": "TenantryResponse",
    "external_id": "tn-3f9a1c7e5d",
    "regions": ["eu-central-1"],
}


# --- settings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"account": "12345"},
        {"account": "acme"},
        {"role": "arn:aws:iam::1:role/x y"},
        {"external_id": "short"},
        {"external_id": "123456789012"},
        {"regions": []},
        {"regions": ["nowhere"]},
        {"session_seconds": 60},
        {"surprise": 1},
    ],
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    Settings.model_validate(GOOD)
    with pytest.raises(ValidationError):
        Settings.model_validate(GOOD | wrong)


@pytest.mark.parametrize("url", ["http://evil.example", "https://u:p@host", "ftp://127.0.0.1", "https://h/?q=1"])
def test_a_stand_ins_address_is_safe(url: str) -> None:
    with pytest.raises(ValidationError):
        HubSettings.model_validate({"endpoint_url": url})


async def test_it_offers_what_it_says(handle: AwsHandle) -> None:
    assert PROVIDER.capabilities == CAPABILITIES == tuple(ACTIONS)
    for name in CAPABILITIES:
        assert isinstance(handle.capability(name), PROTOCOLS[name])
    with pytest.raises(OutOfScope):
        handle.capability("mail")


def test_every_method_has_its_actions() -> None:
    import inspect

    for capability, methods in ACTIONS.items():
        named = {n for n, _ in inspect.getmembers(PROTOCOLS[capability], inspect.isfunction) if not n.startswith("_")}
        assert set(methods) == named, capability


def test_the_least_policy_is_small_enough_and_grants_nothing_excessive() -> None:
    policy = least_policy(every_action())
    assert len(json.dumps(policy, separators=(",", ":"))) < 6144, "a managed policy holds no more"
    (main, passing) = policy["Statement"]
    assert not set(main["Action"]) & set(EXCESSIVE)
    assert all("*" not in action for action in main["Action"])
    assert passing["Condition"]
    assert isinstance(PROVIDER, LeastPrivilege)
    assert json.loads(PROVIDER.least_privilege(["iam:GetUser"], None).text)["Statement"][0]["Action"] == ["iam:GetUser"]
    _, checking = json.loads(PROVIDER.least_privilege(["iam:GetUser"], GOOD).text)["Statement"]
    assert (checking["Action"], checking["Resource"]) == (
        "iam:SimulatePrincipalPolicy",
        "arn:aws:iam::123456789012:role/TenantryResponse",
    )


# --- sign-in ----------------------------------------------------------------------------------------------------------


async def test_it_knows_what_of_ours_is_seen(account: Account, handle: AwsHandle) -> None:
    assert await handle.ours() == Ours(cloud_accounts=frozenset({account.settings()["account"]}))

    async def secret(_: str) -> SecretBytes:
        raise AssertionError("it is asked for none")

    hub = {"hub_role": "arn:aws:iam::999988887777:role/hub"}
    named = await PROVIDER.open(account.settings(), secret, estate=Estate(hub, account.settings()["account"]))
    assert "999988887777" in (await named.ours()).cloud_accounts
    await named.aclose()


async def test_a_session_is_begun_once_and_kept(aws: AwsStand, handle: AwsHandle) -> None:
    aws.forget()
    identity = handle.capability("cloud_identity")
    await asyncio.gather(*(identity.caller() for _ in range(8)))
    assert aws.made()["sts", "AssumeRole"] == 1


async def test_it_is_renewed_before_it_expires(aws: AwsStand, account: Account) -> None:
    handle = await account.open()
    aws.forget()
    now = [0.0]
    handle._sessions._clock = lambda: now[0]
    identity = handle.capability("cloud_identity")
    await identity.caller()
    now[0] = 3200.0
    await identity.caller()
    assert aws.made()["sts", "AssumeRole"] == 1
    now[0] = 3400.0
    await identity.caller()
    assert aws.made()["sts", "AssumeRole"] == 2
    await handle.aclose()


async def test_with_a_second_factor_and_a_role_of_the_hubs(aws: AwsStand, account: Account) -> None:
    hub_role = "arn:aws:iam::000000000009:role/Hub"
    aws.roles[hub_role] = None
    account.secrets["mfa_seed"] = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    aws.forget()
    handle = await account.open(hub={"mfa_serial": "arn:aws:iam::000000000009:mfa/t", "hub_role": hub_role})
    assert (await handle.capability("cloud_identity").caller()).account == account.id
    assert aws.made()["sts", "GetSessionToken"] == 1
    assert aws.made()["sts", "AssumeRole"] == 2
    await handle.aclose()


async def test_a_wrong_external_id_is_refused_without_a_trace_of_the_secret(account: Account) -> None:
    handle = await account.open(external_id="tn-somebody-elses")
    with pytest.raises(SignInFailed) as caught:
        await handle.capability("cloud_identity").caller()
    assert HUB_SECRET not in repr(caught.value.as_dict()) + repr(handle._sessions.__dict__)
    found = await handle.check()
    assert not found.signed_in
    assert found.problems
    await handle.aclose()


async def test_what_leads_to_another_account_is_not_used(aws: AwsStand, account: Account) -> None:
    handle = await account.open()
    other = (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        "<Arn>arn:aws:sts::000000000001:assumed-role/x/y</Arn><UserId>A:y</UserId><Account>000000000001</Account>"
        "</GetCallerIdentityResult></GetCallerIdentityResponse>"
    )
    aws.fault("sts", "GetCallerIdentity", Reply(200, other.encode()))
    with pytest.raises(OutOfScope):
        [p async for p in handle.capability("cloud_identity").principals()]
    assert aws.made()["iam", "ListUsers"] == 0
    await handle.aclose()


async def test_the_clients_file_and_the_estates_handle_must_agree(account: Account) -> None:
    async def secret(_: str) -> SecretBytes:
        return SecretBytes(b"x")

    with pytest.raises(OutOfScope):
        await PROVIDER.open(account.settings(), secret, estate=Estate({}, "000000000001"))
    with pytest.raises(InvalidTenant):
        await PROVIDER.open(account.settings(), secret)


# --- check-up ---------------------------------------------------------------------------------------------------------


async def test_a_sound_role(aws: AwsStand, account: Account, handle: AwsHandle) -> None:
    aws.gaps.allowed[account.id] = set(every_action())
    found = await handle.check()
    assert (found.signed_in, found.granted, found.problems) == (True, every_action(), ())
    assert found.facts["account"] == account.id
    assert found.clock_skew is not None
    assert abs(found.clock_skew) < 60


async def test_too_little_and_too_much(aws: AwsStand, account: Account, handle: AwsHandle) -> None:
    aws.gaps.allowed[account.id] = set(every_action()) - {"iam:UpdateAccessKey"} | {"ec2:TerminateInstances"}
    found = await handle.check()
    assert found.granted is not None
    assert "iam:UpdateAccessKey" not in found.granted
    assert "ec2:TerminateInstances" in found.granted, "what goes beyond is compared with what runbooks need"


async def test_where_nobody_may_simulate_a_few_reads_tell_and_the_rest_is_unknown(
    aws: AwsStand, handle: AwsHandle
) -> None:
    aws.fault("iam", "ListRoles", Reply.query_error(403, "AccessDenied"))
    found = await handle.check()
    assert (found.signed_in, found.granted) == (True, None)
    assert found.facts["tried"]["iam:ListRoles"] is False
    assert found.facts["tried"]["ec2:DescribeInstances"] is True


async def test_a_role_that_demands_no_external_id_is_reported(aws: AwsStand, account: Account) -> None:
    aws.roles[f"arn:aws:iam::{account.id}:role/{account.role}"] = None
    handle = await account.open()
    found = await handle.check()
    assert any("confused" in problem or "external id" in problem for problem in found.problems)
    await handle.aclose()


# --- no tenant reaches another ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def many() -> list[Account]:
    """Eight clients of one hub, each with a user of its own and one name that all of them have."""
    stand = the_stand()
    accounts = [stand.new_account() for _ in range(8)]
    for account in accounts:
        iam = account.client("iam")
        for name in (f"only-{account.id}", "ci"):
            iam.create_user(UserName=name)
    return accounts


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
async def test_many_tenants_at_once_each_reach_their_own(aws: AwsStand, many: list[Account], seed: int) -> None:
    """Reads, writes, errors and expired sessions at the same time, through one hub credential."""
    dice = random.Random(seed)
    some = dice.sample(many, 4)
    handles = [await account.open() for account in some]
    stand = the_stand()
    stand.forget()
    kinds = ("ExpiredToken", "Throttling", "AccessDenied")
    for _ in range(dice.randint(0, 4)):
        stand.fault("iam", dice.choice(("ListUsers", "PutUserPolicy")), Reply.query_error(403, dice.choice(kinds)))
    wanted = [dice.random() < 0.5 for _ in some]

    async def work(account: Account, handle: AwsHandle, deny: bool) -> None:
        identity = handle.capability("cloud_identity")
        for _ in range(2):
            try:
                await identity.set_denied("user/ci", deny)
                names = {p.name async for p in identity.principals("user")}
            except TenantryError:
                continue
            assert names == {f"only-{account.id}", "ci"}
            assert (await identity.caller()).account == account.id
        other = dice.choice([one for one in many if one is not account])
        with pytest.raises(OutOfScope):
            await identity.set_denied(f"arn:aws:iam::{other.id}:user/ci", True)

    await asyncio.gather(*(work(*each) for each in zip(some, handles, wanted, strict=True)))
    stand.faults.clear()
    for handle, deny in zip(handles, wanted, strict=True):
        await handle.capability("cloud_identity").set_denied("user/ci", deny)
    for account, deny in zip(some, wanted, strict=True):
        held = account.client("iam").list_user_policies(UserName="ci")["PolicyNames"]
        assert bool(held) is deny, "each write went where it was meant, and nowhere else"
    mine = {account.id for account in some} | {"hub"}
    assert {call.account for call in stand.calls if call.service == "iam"} <= mine
    for handle in handles:
        await handle.aclose()


# --- a second factor --------------------------------------------------------------------------------------------------

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
MFA = {"mfa_serial": "arn:aws:iam::000000000009:mfa/t"}


async def test_a_code_is_used_once_for_all_clients_of_a_campaign(aws: AwsStand) -> None:
    accounts = [aws.new_account() for _ in range(4)]
    handles = []
    for account in accounts:
        account.secrets["mfa_seed"] = SEED
        handles.append(await account.open(hub=MFA))
    aws.forget()
    found = await asyncio.gather(*(handle.capability("cloud_identity").caller() for handle in handles))
    assert [one.account for one in found] == [account.id for account in accounts]
    assert aws.made()["sts", "GetSessionToken"] == 1
    # The hub's session is not taken any more: one of them begins another, with another code, and the others use it.
    for handle in handles[:2]:
        aws.fault("iam", "ListUsers", Reply.query_error(403, "ExpiredToken"))
        aws.fault("sts", "AssumeRole", Reply.query_error(403, "ExpiredToken"))
        assert [p async for p in handle.capability("cloud_identity").principals("user")] == []
    assert aws.made()["sts", "GetSessionToken"] == 2
    for handle in handles:
        await handle.aclose()
    gc.collect()
    assert [hub for hubs in session._factors.values() for hub in hubs.values()] == [], "nothing of the hub's is kept"


async def test_a_code_that_another_process_used_is_followed_by_the_next(aws: AwsStand, account: Account) -> None:
    account.secrets["mfa_seed"] = SEED
    handle = await account.open(hub=MFA)
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    handle._sessions._sleep = sleep
    aws.forget()
    aws.fault("sts", "GetSessionToken", Reply.query_error(403, "AccessDenied"))
    assert (await handle.capability("cloud_identity").caller()).account == account.id
    assert [0 < seconds < 31 for seconds in slept] == [True]
    await handle.aclose()
    gc.collect()
    handle = await account.open(hub=MFA)
    handle._sessions._sleep = sleep
    aws.fault("sts", "GetSessionToken", Reply.query_error(403, "AccessDenied"), times=9)
    with pytest.raises(SignInFailed):
        await handle.capability("cloud_identity").caller()
    assert len(slept) == 3
    await handle.aclose()


async def test_a_revoked_role_costs_no_code(aws: AwsStand, account: Account) -> None:
    account.secrets["mfa_seed"] = SEED
    handle = await account.open(hub=MFA)
    identity = handle.capability("cloud_identity")
    await identity.caller()
    aws.forget()
    aws.fault("iam", "ListUsers", Reply.query_error(403, "ExpiredToken"))
    aws.fault("sts", "AssumeRole", Reply.query_error(403, "AccessDenied"), times=9)
    with pytest.raises(SignInFailed):
        [p async for p in identity.principals("user")]
    assert aws.made()["sts", "GetSessionToken"] == 0
    await handle.aclose()


# --- ids of elsewhere -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capability", "method", "id"),
    [
        ("backup", "point", "rds:ap-south-1:snapshot:nightly"),
        ("backup", "job", "rds:ap-south-1:instance:x"),
        ("backup", "point", "backup:{region}:point:Default|arn:aws:backup:{region}:000000000001:recovery-point:x"),
        ("backup", "back_up", "arn:aws:rds:{region}:000000000001:db:x"),
        ("backup", "back_up", "arn:aws:rds:ap-south-1:{account}:db:x"),
        ("findings", "finding", "guardduty:ap-south-1:detector:x"),
        ("cloud", "encryption_key", "arn:aws:kms:{region}:000000000001:key/x"),
    ],
)
async def test_what_is_of_another_account_or_region_is_refused_before_anything_is_sent(
    aws: AwsStand, account: Account, handle: AwsHandle, capability: str, method: str, id: str
) -> None:
    await handle.capability("cloud_identity").caller()
    aws.forget()
    named = id.format(region=REGIONS[0], account=account.id)
    more = {"token": "t"} if method == "back_up" else {}
    with pytest.raises(OutOfScope):
        await getattr(handle.capability(capability), method)(named, **more)
    assert not aws.calls

"""What the hub may do is read from its policies: the clients' roles, its own credential, and nothing else. Unknown is never little."""

from __future__ import annotations

import functools
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretBytes

from flows.needs import too_much
from integrations.aws.hub import HubHandle
from integrations.aws.hub_rights import CONSOLE, Principal, Rights, hub_policy, judged, must, wanted
from integrations.aws.provider import PROVIDER
from integrations.aws.settings import HubSettings
from tenantry.errors import InvalidTenant, SignInFailed
from tenantry.names import MSP
from tenantry.providers import EstateHandle, JudgesEstate, OpensEstate, ProviderCheck
from tests.integrations.aws.test_key_rotation import HubScene, SeedScene
from tests.support.aws_reply import Reply
from tests.support.aws_stand import AwsStand

ROLES = ["arn:aws:iam::111111111111:role/TenantryResponse", "arn:aws:iam::222222222222:role/Tenantry/Response"]


@pytest.fixture
def scene(aws: AwsStand, tmp_path: Path) -> Iterator[HubScene]:
    made = HubScene(tmp_path, aws)
    yield made
    made.close()
    aws.strict = False


def grant(scene: HubScene, *statements: dict[str, Any], name: str = "hub") -> None:
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    scene.iam.put_user_policy(UserName=scene.user, PolicyName=name, PolicyDocument=json.dumps(document))


def least(scene: HubScene, *, second_factor: bool = False) -> None:
    text = hub_policy(ROLES, second_factor=second_factor).text
    scene.iam.put_user_policy(UserName=scene.user, PolicyName="hub", PolicyDocument=text)


async def looked(scene: HubScene, roles: list[str] = ROLES, **settings: Any) -> tuple[ProviderCheck, dict[str, Any]]:
    """The check-up, and what is too much → what to grant instead."""

    async def secret(name: str) -> SecretBytes:
        if name not in scene.secrets:
            raise InvalidTenant(f"no {name}")
        return scene.stand.vault.get(MSP, scene.secrets[name])

    given = HubSettings.model_validate({"endpoint_url": scene.aws.base_url, **settings})
    handle = HubHandle(given, secret, scene.code, lambda: scene.now, roles)
    assert isinstance(handle, EstateHandle)
    try:
        found = await handle.check()
    finally:
        await handle.aclose()
    return found, {one["name"]: one["instead"] for one in too_much(found.direct, found.wider, set(handle.wanted))}


async def test_the_policy_that_is_printed_is_enough_and_not_too_much(scene: HubScene) -> None:
    least(scene)
    found, excess = await looked(scene)
    assert (list(found.problems), excess) == ([], {})
    assert found.facts["may_assume"] == ROLES
    assert found.facts["user"].endswith(f":user/{scene.user}")
    assert isinstance(PROVIDER, OpensEstate)
    assert isinstance(PROVIDER, JudgesEstate)


async def test_with_a_second_factor_too(aws: AwsStand, tmp_path: Path) -> None:
    scene = SeedScene(tmp_path, aws)
    least(scene)
    found, excess = await looked(scene)
    assert excess == {}
    assert [one for one in found.problems if "iam:EnableMFADevice" in one], "its seed could not be exchanged"
    least(scene, second_factor=True)
    found, excess = await looked(scene)
    assert (list(found.problems), excess) == ([], {})
    scene.close()
    aws.strict = False


async def test_a_new_key_has_the_same_rights(scene: HubScene) -> None:
    least(scene)
    before, _ = await looked(scene)
    await scene.run()
    assert scene.status() == "completed"
    after, excess = await looked(scene)
    assert (after.granted, excess) == (before.granted, {})


@pytest.mark.parametrize(
    ("statement", "name", "instead"),
    [
        ({"Action": "s3:GetObject", "Resource": "*"}, "s3:GetObject on *", []),
        (
            {"Action": "sts:AssumeRole", "Resource": "arn:aws:iam::*:role/TenantryResponse"},
            "sts:AssumeRole on arn:aws:iam::*:role/TenantryResponse",
            [],
        ),
        (
            {"Action": ["STS:assumerole"], "Resource": ["arn:aws:iam::333333333333:role/Somebody"]},
            "sts:AssumeRole on arn:aws:iam::333333333333:role/Somebody",
            [],
        ),
        ({"Action": "iam:CreateAccessKey", "Resource": "*"}, "iam:CreateAccessKey on *", []),
        ({"Action": "iam:PutUserPolicy", "Resource": "SELF"}, "iam:PutUserPolicy on itself", []),
        ({"NotAction": "iam:*", "Resource": "*"}, "everything but iam:* on *", []),
        (
            {"Action": "sts:*", "NotResource": "arn:aws:iam::333333333333:role/Somebody"},
            "sts:* on everything but arn:aws:iam::333333333333:role/Somebody",
            [],
        ),
    ],
)
async def test_whatever_goes_beyond_is_told(
    scene: HubScene, statement: dict[str, Any], name: str, instead: list[str]
) -> None:
    least(scene)
    if statement.get("Resource") == "SELF":
        statement = {**statement, "Resource": f"arn:aws:iam::*:user/{scene.user}"}
        account = scene.iam.get_user(UserName=scene.user)["User"]["Arn"]
        statement["Resource"] = account
    grant(scene, statement, name="more")
    _, excess = await looked(scene)
    assert excess == {name: instead}


async def test_what_is_wider_is_told_with_what_to_grant_instead(scene: HubScene) -> None:
    grant(scene, {"Action": "*", "Resource": "*"})
    found, excess = await looked(scene)
    assert list(excess) == ["* on *"]
    assert {f"sts:AssumeRole on {role}" for role in ROLES} | {"iam:CreateAccessKey on itself"} <= set(excess["* on *"])
    assert list(found.problems) == []  # it is too much, and it works
    assert found.facts["may_assume"] == ["*"]


async def test_a_clients_role_that_it_may_not_assume(scene: HubScene) -> None:
    least(scene)
    third = "arn:aws:iam::333333333333:role/TenantryResponse"
    found, excess = await looked(scene, [*ROLES, third])
    assert list(found.problems) == [f"the hub may not assume {third}: that client is not reached"]
    assert excess == {}


async def test_policies_of_groups_and_managed_ones_count(scene: HubScene) -> None:
    least(scene)
    group = f"hubs-{uuid.uuid4().hex[:8]}"
    scene.iam.create_group(GroupName=group)
    scene.iam.add_user_to_group(GroupName=group, UserName=scene.user)
    one = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}}
    scene.iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=json.dumps(one))
    one["Statement"]["Action"] = "lambda:InvokeFunction"  # type: ignore[index]  # of the one above
    arn = scene.iam.create_policy(PolicyName=f"m-{group}", PolicyDocument=json.dumps(one))["Policy"]["Arn"]
    scene.iam.attach_user_policy(UserName=scene.user, PolicyArn=arn)
    _, excess = await looked(scene)
    assert set(excess) == {"ec2:RunInstances on *", "lambda:InvokeFunction on *"}


async def test_a_password_for_the_console_is_too_much(scene: HubScene) -> None:
    least(scene)
    scene.iam.create_login_profile(UserName=scene.user, Password="Canary-0f-a-c0nsole!")
    _, excess = await looked(scene)
    assert excess == {CONSOLE: []}


async def test_where_its_own_policies_may_not_be_read_nothing_is_known(scene: HubScene) -> None:
    least(scene)
    denied = Reply.query_error(403, "AccessDenied")
    scene.aws.fault("iam", "ListUserPolicies", denied)
    found, excess = await looked(scene)
    assert (found.signed_in, found.granted, excess) == (True, None, {})
    (problem,) = found.problems
    assert "is not known" in problem
    assert "--least-privilege" in problem


async def test_a_role_of_the_hubs_between_is_read_as_well(scene: HubScene) -> None:
    account = scene.iam.get_user(UserName=scene.user)["User"]["Arn"].split(":")[4]
    role = f"hub-{uuid.uuid4().hex[:8]}"
    arn = f"arn:aws:iam::{account}:role/{role}"
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    scene.iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
    policy = {"Effect": "Allow", "Action": ["sts:AssumeRole", "iam:PassRole"], "Resource": ROLES[0]}
    scene.iam.put_role_policy(
        RoleName=role, PolicyName="p", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": policy})
    )
    text = hub_policy([arn], second_factor=False).text
    scene.iam.put_user_policy(UserName=scene.user, PolicyName="hub", PolicyDocument=text)
    scene.aws.roles[arn] = None
    found, excess = await looked(scene, hub_role=arn)
    assert excess == {f"role: iam:PassRole on {ROLES[0]}": []}
    assert list(found.problems) == [f"the hub may not assume {ROLES[1]}: that client is not reached"]
    assert found.facts["may_assume"] == [ROLES[0]]


async def test_a_key_that_is_refused_says_nothing_of_rights(scene: HubScene) -> None:
    scene.stand.vault.put(MSP, scene.name, "AKIANOBODYNOBODYNOBO:canary-of-a-hub-key")
    with pytest.raises(SignInFailed) as refused:
        await looked(scene)
    assert "canary" not in f"{refused.value} {refused.value.remedy} {refused.value.detail}"


def test_more_grants_than_anybody_reads_are_never_taken_for_few() -> None:
    me = Principal("User", "hub", "arn:aws:iam::000000000000:user/hub")
    many = {"Effect": "Allow", "Action": [f"s3:Get{number}" for number in range(500)], "Resource": "*"}
    needs = must(ROLES, exchanged=True, second_factor=False)
    found = judged(Rights(me, {"p": {"Statement": [many]}}), wanted(needs))
    assert "more than 200 grants" in found.names
    assert len(found.names) == 201
    assert needs - found.granted == needs


def test_denies_give_nothing_and_take_nothing_away() -> None:
    me = Principal("User", "hub", "arn:aws:iam::000000000000:user/hub")
    document = {
        "Statement": [
            {"Effect": "Deny", "Action": "*", "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:Get?", "Resource": "*"},
        ]
    }
    found = judged(Rights(me, {"p": document}), wanted(frozenset()))
    assert found.names == {"s3:Get? on *"}


def test_it_itself_is_meant_by_name_and_by_variable_and_nobody_else_is() -> None:
    me = Principal("User", "hub", "arn:aws:iam::000000000000:user/msp/hub")
    for resource, place in (
        ("arn:aws:iam::000000000000:user/msp/hub", "itself"),
        ("arn:aws:iam::*:user/${aws:username}", "itself"),
        ("arn:aws:iam::000000000000:user/msp/${aws:username}", "itself"),
        ("arn:aws:iam::111111111111:user/${aws:username}", "arn:aws:iam::111111111111:user/${aws:username}"),
        ("arn:aws:iam::000000000000:user/msp/*", "arn:aws:iam::000000000000:user/msp/*"),
        ("arn:aws:iam::000000000000:user/*${aws:username}", "arn:aws:iam::000000000000:user/*${aws:username}"),
    ):
        document = {"Statement": {"Effect": "Allow", "Action": "iam:DeleteAccessKey", "Resource": resource}}
        assert judged(Rights(me, {"p": document}), frozenset()).names == {f"iam:DeleteAccessKey on {place}"}


# --- whatever stands in a policy ---------------------------------------------------------------------------------------

ME = Principal("User", "hub", "arn:aws:iam::000000000000:user/hub")
MINE = [
    *(("sts:AssumeRole", role) for role in ROLES),
    *((one.partition(" on ")[0], ME.arn) for one in must([], exchanged=True, second_factor=False)),
]
FOREIGN = [
    ("sts:AssumeRole", "arn:aws:iam::333333333333:role/TenantryResponse"),
    ("sts:AssumeRole", f"{ROLES[0]}2"),
    ("sts:AssumeRoleWithSAML", ROLES[0]),
    ("iam:PutUserPolicy", ME.arn),
    ("iam:CreateAccessKey", f"{ME.arn}-2"),
    ("iam:CreateAccessKey", "arn:aws:iam::000000000000:user/Somebody"),
    ("iam:CreateVirtualMFADevice", "arn:aws:iam::000000000000:user/Somebody"),
    ("s3:GetObject", "arn:aws:s3:::files/ledger.csv"),
]
"""What a hub is not to have, beside what it is to have: a character, an account or an action away."""


@functools.cache
def like(pattern: str, text: str) -> bool:
    """What AWS means by ``*`` and ``?``, by hand: a second opinion."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return like(pattern[1:], text) or (bool(text) and like(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and like(pattern[1:], text[1:])


def allows(document: dict[str, Any], action: str, resource: str, *, plain: bool = False) -> bool:
    """Whether a statement of the policy allows this; of ``plain`` ones alone, without what they say of everything else."""

    def named(statement: dict[str, Any], key: str, text: str) -> bool:
        patterns = [one.replace("${aws:username}", ME.name) for one in statement.get(key) or statement[f"Not{key}"]]
        if key == "Action":
            text, patterns = text.lower(), [one.lower() for one in patterns]
        return any(like(one, text) for one in patterns) is (key in statement)

    return any(
        named(one, "Action", action) and named(one, "Resource", resource)
        for one in document["Statement"]
        if one["Effect"] == "Allow" and not (plain and {"NotAction", "NotResource"} & one.keys())
    )


@st.composite
def patterns(draw: st.DrawFn, of: list[str]) -> str:
    """One of these texts, as it is or with a part of it left open."""
    text = draw(st.sampled_from(of))
    begin = draw(st.integers(0, len(text)))
    end = draw(st.integers(begin, len(text)))
    return draw(
        st.sampled_from(
            [text, text, text[:begin] + "*" + text[end:], text[:begin] + "?" * (end - begin) + text[end:], "*"]
        )
    )


ACTIONS = st.tuples(patterns([action for action, _ in MINE + FOREIGN]), st.booleans()).map(
    lambda one: one[0].lower() if one[1] else one[0]
)
RESOURCES = patterns([resource for _, resource in MINE + FOREIGN]) | st.just("arn:aws:iam::*:user/${aws:username}")
STATEMENTS = st.builds(
    lambda effect, action, actions, resource, resources: {"Effect": effect, action: actions, resource: resources},
    st.sampled_from(["Allow", "Allow", "Allow", "Deny"]),
    st.sampled_from(["Action", "Action", "Action", "NotAction"]),
    st.lists(ACTIONS, min_size=1, max_size=3),
    st.sampled_from(["Resource", "Resource", "Resource", "NotResource"]),
    st.lists(RESOURCES, min_size=1, max_size=3),
)


def named(action: str, resource: str) -> str:
    return f"{action} on {'itself' if resource == ME.arn else resource}"


@settings(max_examples=400)
@given(st.lists(STATEMENTS, min_size=1, max_size=3))
def test_nothing_beyond_goes_untold_and_nothing_missing_is_taken_for_granted(written: list[dict[str, Any]]) -> None:
    document = {"Statement": written}
    needs = must(ROLES, exchanged=True, second_factor=False)
    asked = wanted(needs)
    found = judged(Rights(ME, {"p": document}), asked)
    beyond = [pair for pair in FOREIGN if allows(document, *pair)]
    if beyond:
        assert found.names - asked, beyond
    for pair in MINE:
        # What a statement gives by leaving something else out is no way to grant it, and is told as too much.
        assert (named(*pair) in found.granted) is allows(document, *pair, plain=True), pair
    for role in ROLES:
        assert any(like(one, role) for one in found.assumes) is allows(document, "sts:AssumeRole", role, plain=True)
    for wide, parts in found.wider.items():
        assert wide not in asked
        assert parts <= asked


@given(st.lists(st.tuples(ACTIONS, RESOURCES), min_size=1, max_size=4))
def test_each_grant_is_told_with_exactly_what_it_contains(grants: list[tuple[str, str]]) -> None:
    """Each by itself: what is to be granted instead of it."""
    asked = wanted(must(ROLES, exchanged=True, second_factor=False))
    statement = [{"Effect": "Allow", "Action": [action], "Resource": [resource]} for action, resource in grants]
    found = judged(Rights(ME, {"p": {"Statement": statement}}), asked)
    assert len(found.names) <= len(grants)
    for one in statement:
        single = judged(Rights(ME, {"p": {"Statement": [one]}}), asked)
        (name,) = single.names
        contained = {named(*pair) for pair in MINE if allows({"Statement": [one]}, *pair)}
        told = single.wider.get(name, {name}) & {named(*pair) for pair in MINE}
        assert told == contained, one
        assert found.wider.get(name) == single.wider.get(name)


def test_everything_contains_all_that_is_wanted() -> None:
    asked = wanted(must(ROLES, exchanged=True, second_factor=True))
    for action, contained in (("*", asked), ("IAM:*", {one for one in asked if one.startswith("iam:")})):
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        assert judged(Rights(ME, {"p": {"Statement": statement}}), asked).wider == {f"{action} on *": contained}


def test_reading_policies_and_groups_is_never_too_much() -> None:
    asked = wanted(frozenset())
    statement = {"Effect": "Allow", "Action": ["iam:GetPolicy", "iam:getgrouppolicy"], "Resource": "*"}
    found = judged(Rights(ME, {"p": {"Statement": statement}}), asked)
    assert (found.names, found.wider) == ({"iam:GetPolicy on policies", "iam:GetGroupPolicy on groups"}, {})

"""What every provider of ``cloud_access`` must do."""

from __future__ import annotations

from dataclasses import dataclass

from tenantry.capabilities import CloudAccess


@dataclass
class CloudAccessWorld:
    """An account with root's key, a user with a password, a second factor and a key, one that is administrator through a group, a role
    that lets a stranger in, one of the vendor's own, an OIDC provider and a trust anchor."""

    provider: CloudAccess
    account: str
    user: str
    key: str
    administrator: str
    group: str
    bounded: str
    """Holds an administrator policy, and a boundary that keeps it from being one."""
    role: str
    stranger: str
    service_role: str
    own_role: str
    issuer: str
    anchor: str


class CloudAccessConformance:
    """Inherit and give the fixture ``world``."""

    def test_has_every_method(self, world: CloudAccessWorld) -> None:
        assert isinstance(world.provider, CloudAccess)

    async def test_root(self, world: CloudAccessWorld) -> None:
        root = await world.provider.root()
        assert (root.account, root.keys, root.mfa) == (world.account, True, False)
        assert root.password_used_at is not None

    async def test_users(self, world: CloudAccessWorld) -> None:
        users = {found.ref: found async for found in world.provider.users()}
        user, administrator = users[world.user], users[world.administrator]
        assert (user.password, user.mfa, user.rights.administrator) == (True, True, False)
        assert [(key.id, key.active) for key in user.keys] == [(world.key, True)]
        assert user.password_changed_at is not None
        assert (administrator.password, administrator.mfa, administrator.keys) == (False, False, ())
        assert administrator.rights.administrator
        assert not administrator.rights.inline_administrator
        assert any(through.startswith(world.group) for through in administrator.rights.through)

    async def test_roles(self, world: CloudAccessWorld) -> None:
        roles = {found.ref: found async for found in world.provider.roles()}
        assert world.stranger in str(roles[world.role].trust)
        assert roles[world.role].rights.inline_administrator
        assert not roles[world.bounded].rights.administrator
        assert {ref for ref, found in roles.items() if found.service} == {world.service_role}
        assert {ref for ref, found in roles.items() if found.ours} == {world.own_role}

    async def test_who_vouches(self, world: CloudAccessWorld) -> None:
        [issuer] = [found async for found in world.provider.identity_providers() if found.kind == "oidc"]
        assert issuer.name == world.issuer
        assert issuer.audiences
        [anchor] = [found async for found in world.provider.trust_anchors()]
        assert (anchor.id, anchor.enabled, anchor.kind) == (world.anchor, True, "uploaded")

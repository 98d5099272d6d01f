"""``credentials`` of the MSP's hub at AWS: the access key of its user, for which AWS keeps two places.

::

    make     CreateAccessKey            the new one beside the old one, while the old one signs
    prove    sts:GetCallerIdentity      with the new one alone
    remove   UpdateAccessKey Inactive → tried, must be refused → DeleteAccessKey, while the new one signs

Sources (docs.aws.amazon.com):
    /IAM/latest/UserGuide/id-credentials-access-keys-update.html       the order, and why inactive comes before deleted
    /IAM/latest/APIReference/API_CreateAccessKey.html                  two keys a user at most; the secret half is said once
    /STS/latest/APIReference/API_GetCallerIdentity.html                needs no permission, so it proves the key alone

The user needs, on itself: iam:ListAccessKeys, iam:GetAccessKeyLastUsed, iam:CreateAccessKey, iam:UpdateAccessKey, iam:DeleteAccessKey.

Known limits: AWS keeps no names of keys. One whose answer never came is known by being new since the rotation began, and never used;
"used" lags by minutes to hours. IAM takes seconds, sometimes a minute, to know a new key everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from botocore.credentials import Credentials
from pydantic import SecretBytes

from integrations.aws.errors import EXPIRED, VENDOR
from integrations.aws.hub import Hub
from integrations.aws.session import HUB_KEY, two_halves
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import Conflict, InDoubt, Rejected, SignInFailed, TargetNotFound

__all__ = ["AwsAccessKey"]

_MOST: Final = 2
_WRONG_HALF: Final = "SignatureDoesNotMatch"


class AwsAccessKey:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService`."""

    kind = "aws_access_key"
    secret = HUB_KEY
    in_place = False
    labels = False
    listed = True

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def live(self) -> Sequence[LiveCredential]:
        """The user's keys, active or not."""
        signing = await self._hub.signed(await self._hub.present())
        user = await self._hub.user(signing)
        answer = await self._hub.call(signing, "iam", "list_access_keys", UserName=user)
        found = []
        for row in answer["AccessKeyMetadata"]:
            id = str(row["AccessKeyId"])
            last = await self._hub.call(signing, "iam", "get_access_key_last_used", AccessKeyId=id)
            used = (last.get("AccessKeyLastUsed") or {}).get("LastUsedDate") is not None
            found.append(LiveCredential(id=id, created_at=row.get("CreateDate"), used=used))
        return found

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:
        """By its public half, which is in it."""
        id = two_halves(value).access_key
        return id if any(one.id == id for one in live) else None

    async def prepare(self, label: str) -> SecretBytes | None:  # noqa: ARG002  # a key has no name
        """AWS makes it."""
        return None

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:  # noqa: ARG002
        """Beside the present one.

        Raises:
            Rejected: there are two already.
        """
        if len(await self.live()) >= _MOST:
            raise Rejected(
                "the hub's user has two keys, and AWS allows no third",
                remedy="Find out whose the other one is; deactivate and delete it, then resume the run.",
                vendor=VENDOR,
            )
        credentials = await self._hub.signed(signing)
        user = await self._hub.user(credentials)
        answer = await self._hub.call(credentials, "iam", "create_access_key", write=True, UserName=user)
        made = answer.get("AccessKey") or {}
        id, secret = str(made.get("AccessKeyId") or ""), str(made.get("SecretAccessKey") or "")
        if not id or not secret:
            raise InDoubt("AWS made a key and did not say it", vendor=VENDOR)
        return MadeCredential(id=id, value=SecretBytes(f"{id}:{secret}".encode()))

    async def suspend(self, id: str, signing: SecretBytes) -> bool:
        """Inactive: it can be made active again until it is deleted."""
        await self._change(id, signing, "update_access_key", Status="Inactive")
        return True

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """Deleted; absent counts as removed."""
        await self._change(id, signing, "delete_access_key")

    async def works(self, value: SecretBytes) -> bool:
        """It says who it is, without a second factor or a role: the key alone."""
        keys = two_halves(value)
        try:
            await self._hub.call(Credentials(keys.access_key, keys.secret_key), "sts", "get_caller_identity")
        except SignInFailed as error:
            if error.detail.get("vendor_code") in EXPIRED | {_WRONG_HALF}:
                return False
            raise
        return True

    async def dead(self, value: SecretBytes) -> bool:
        """Refused: there is one place alone."""
        return not await self.works(value)

    async def _change(self, id: str, signing: SecretBytes, operation: str, **more: Any) -> None:
        if id == two_halves(signing).access_key:
            raise Conflict("this key is the one that signs in now")
        credentials = await self._hub.signed(signing)
        user = await self._hub.user(credentials)
        try:
            await self._hub.call(credentials, "iam", operation, write=True, UserName=user, AccessKeyId=id, **more)
        except TargetNotFound:
            return

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

import asyncio
import contextvars
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pyotp
from botocore.config import Config
from botocore.credentials import Credentials
from pydantic import SecretBytes

from integrations.aws.errors import EXPIRED, VENDOR, mapped
from integrations.aws.session import HUB_KEY, isolated, two_halves
from integrations.aws.settings import HubSettings
from tenantry import deadline
from tenantry.capabilities.credentials import LiveCredential, MadeCredential
from tenantry.errors import Conflict, InDoubt, OutOfScope, Rejected, SignInFailed, TargetNotFound, VendorFault
from tenantry.providers import ProviderCheck, SecretSource

__all__ = ["AwsAccessKey", "HubHandle"]

_MOST: Final = 2
_LIFE_S: Final = 900
_PATIENCE_S: Final = 60.0
_KEPT: Final = 6
"""Clients that are kept."""
_REGION: Final = "us-east-1"
_WRONG_HALF: Final = "SignatureDoesNotMatch"


class _Hub:
    """Calls as the hub's user, with whatever key is handed over."""

    def __init__(self, hub: HubSettings, secrets: SecretSource) -> None:
        self._hub = hub
        self._secrets = secrets
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="aws-hub")
        self._clients: dict[tuple[str, str, bool], Any] = {}

    async def present(self) -> SecretBytes:
        """The key that stands in the vault now."""
        return await self._secrets(HUB_KEY)

    async def signed(self, key: SecretBytes) -> Credentials:
        """What IAM is called with: the key itself or, with a second factor, a session that was begun with it."""
        keys = two_halves(key)
        bare = Credentials(keys.access_key, keys.secret_key)
        if self._hub.mfa_serial is None:
            return bare
        seed = (await self._secrets("mfa_seed")).get_secret_value().decode().strip()
        answer = await self.call(
            bare,
            *("sts", "get_session_token"),
            SerialNumber=self._hub.mfa_serial,
            TokenCode=pyotp.TOTP(seed).now(),
            DurationSeconds=_LIFE_S,
        )
        found = answer.get("Credentials") or {}
        return Credentials(found.get("AccessKeyId"), found.get("SecretAccessKey"), found.get("SessionToken"))

    async def user(self, credentials: Credentials) -> str:
        """The name of the user. Raises Rejected: it is none's (a role, the root user)."""
        arn = str((await self.call(credentials, "sts", "get_caller_identity")).get("Arn", ""))
        kind, _, path = arn.rpartition(":")[2].partition("/")
        if kind != "user" or not path:
            raise Rejected(
                "the hub's key is no IAM user's",
                remedy="Give the hub a user of its own, and store its key.",
                vendor=VENDOR,
            )
        return path.rsplit("/", 1)[-1]

    async def call(
        self, credentials: Credentials, service: str, operation: str, *, write: bool = False, **params: Any
    ) -> dict[str, Any]:
        """One call. Writes are sent once. Raises what `mapped` says."""

        def work() -> dict[str, Any]:
            client = self._client(credentials, service, write=write)
            if write:
                deadline.check()
            answer: dict[str, Any] = getattr(client, operation)(**params)
            return answer

        what = f"{service}.{operation}"
        context = contextvars.copy_context()  # the effect's deadline is asked in the thread
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)
        except TimeoutError as error:
            if write:
                raise InDoubt(f"{what} was sent and its answer never came", vendor=VENDOR) from error
            raise VendorFault(f"{what} was not answered in time", vendor=VENDOR) from error
        except Exception as caught:
            meant = mapped(caught, what, write=write)
            if meant is None:
                raise
            raise meant from None

    def _client(self, credentials: Credentials, service: str, *, write: bool) -> Any:
        """Kept for the next call: making one costs some fifty times what a call does. In the one thread."""
        key = (credentials.access_key, service, write)
        found = self._clients.pop(key, None)
        if found is None:
            found = isolated(credentials).create_client(
                service,
                region_name=self._hub.region or _REGION,
                endpoint_url=self._hub.endpoint_url,
                config=Config(
                    connect_timeout=5,
                    read_timeout=15,
                    retries={"mode": "standard", "total_max_attempts": 1 if write else 4},
                    user_agent_extra="tenantry",
                ),
            )
        self._clients[key] = found
        while len(self._clients) > _KEPT:
            self._clients.pop(next(iter(self._clients))).close()
        return found

    def close(self) -> None:
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()
        self._pool.shutdown(wait=False, cancel_futures=True)


class AwsAccessKey:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService`."""

    kind = "aws_access_key"
    secret = HUB_KEY
    in_place = False
    labels = False

    def __init__(self, hub: _Hub) -> None:
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


class HubHandle:
    """The hub itself, opened for the estate and for no client: its credential alone."""

    def __init__(self, hub: HubSettings, secrets: SecretSource) -> None:
        self._hub = _Hub(hub, secrets)

    def capability(self, name: str) -> Any:
        """``credentials``. Raises OutOfScope for any other."""
        if name != "credentials":
            raise OutOfScope(f"the hub offers no {name!r}: it only assumes clients' roles", vendor=VENDOR)
        return {HUB_KEY: AwsAccessKey(self._hub)}

    async def check(self) -> ProviderCheck:
        """Whether it says who it is."""
        credentials = await self._hub.signed(await self._hub.present())
        user = await self._hub.user(credentials)
        return ProviderCheck(signed_in=True, granted=None, facts={"user": user}, reachable=True)

    async def aclose(self) -> None:
        """Calls under way send nothing more."""
        self._hub.close()

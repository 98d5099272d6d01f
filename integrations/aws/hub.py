"""The MSP's own user at AWS, for its own credentials: calls as that user, with whatever key is handed over. Reaches no client."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from botocore.config import Config
from botocore.credentials import Credentials
from pydantic import SecretBytes

from integrations.aws.errors import VENDOR, mapped
from integrations.aws.second_factor import SEED, Device, device_of, next_code
from integrations.aws.session import HUB_KEY, isolated, two_halves
from integrations.aws.settings import HubSettings
from tenantry import deadline
from tenantry.errors import InDoubt, InvalidInput, OutOfScope, PermissionMissing, Rejected, VendorFault
from tenantry.providers import ProviderCheck, SecretSource

__all__ = ["Hub", "HubHandle"]

_LIFE_S: Final = 900
_MARGIN_S: Final = 120
_PATIENCE_S: Final = 60.0
_CODES: Final = 2
"""Tried before a second factor counts as refused."""
_KEPT: Final = 6
"""Clients that are kept."""
_REGION: Final = "us-east-1"

Codes = Callable[[str, str], Awaitable[str]]
"""Serial and seed of a device → a code that was not used yet."""


class Hub:
    """Calls as the hub's user, with whatever key is handed over."""

    def __init__(
        self, hub: HubSettings, secrets: SecretSource, codes: Codes = next_code, clock: Callable[[], float] = time.time
    ) -> None:
        self._hub = hub
        self._secrets = secrets
        self.code = codes
        self.clock = clock
        self._sessions: dict[tuple[str, str], tuple[float, Credentials]] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="aws-hub")
        self._clients: dict[tuple[str, str, bool], Any] = {}

    async def present(self) -> SecretBytes:
        """The key that stands in the vault now, from both halves where estate.yaml names them apart."""
        try:
            return await self._secrets(HUB_KEY)
        except InvalidInput as missing:
            try:
                halves = [(await self._secrets(name)).get_secret_value() for name in ("access_key", "secret_key")]
            except InvalidInput:
                raise missing from None
        return SecretBytes(b":".join(half.strip() for half in halves))

    async def signed(self, key: SecretBytes) -> Credentials:
        """What IAM is called with: the key itself or, with a second factor, a session that was begun with it."""
        keys = two_halves(key)
        bare = Credentials(keys.access_key, keys.secret_key)
        device = await device_of(self._hub, self._secrets)
        if device is None:
            return bare
        kept = self._sessions.get((keys.access_key, device.serial))
        if kept is None or kept[0] < time.monotonic():
            kept = time.monotonic() + _LIFE_S - _MARGIN_S, await self.session(bare, device)
            self._sessions[keys.access_key, device.serial] = kept
        return kept[1]

    async def session(self, bare: Credentials, device: Device) -> Credentials:
        """Begun with a code of the device. Each code counts once, so this may take half a minute, and one that is refused may be one that
        another process used, perhaps this run's own before it was killed: the next one tells, half a minute later."""
        for last in (*[False] * (_CODES - 1), True):
            code = await self.code(device.serial, device.seed)
            try:
                answer = await self.call(
                    bare,
                    *("sts", "get_session_token"),
                    SerialNumber=device.serial,
                    TokenCode=code,
                    DurationSeconds=_LIFE_S,
                )
                break
            except PermissionMissing as refused:
                if last or refused.detail.get("vendor_code") != "AccessDenied":
                    raise
        found = answer.get("Credentials") or {}
        return Credentials(found.get("AccessKeyId"), found.get("SecretAccessKey"), found.get("SessionToken"))

    async def device(self) -> SecretBytes:
        """The second factor that stands in the vault now."""
        return await self._secrets(SEED)

    @property
    def serial(self) -> str | None:
        """Of the settings."""
        return self._hub.mfa_serial

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


class HubHandle:
    """The hub itself, opened for the estate and for no client: its credential alone.

    Args:
        roles: resource names of the clients' roles: what it is to assume, and nothing else.
    """

    def __init__(
        self,
        hub: HubSettings,
        secrets: SecretSource,
        codes: Codes = next_code,
        clock: Callable[[], float] = time.time,
        roles: Iterable[str] = (),
    ) -> None:
        self._settings = hub
        self._secrets = secrets
        self._hub = Hub(hub, secrets, codes, clock)
        self._roles = tuple(sorted(set(roles)))
        self.wanted: frozenset[str] = frozenset()
        """As `tenantry.providers.EstateHandle`."""

    def capability(self, name: str) -> Any:
        """``credentials``. Raises OutOfScope for any other."""
        if name != "credentials":
            raise OutOfScope(f"the hub offers no {name!r}: it only assumes clients' roles", vendor=VENDOR)
        from integrations.aws.key_rotation import AwsAccessKey
        from integrations.aws.seed_rotation import AwsSeed

        return {HUB_KEY: AwsAccessKey(self._hub), SEED: AwsSeed(self._hub)}

    async def check(self) -> ProviderCheck:
        """Whether it says who it is, which roles it may assume, and what it may do besides.

        Raises:
            SignInFailed: the key is refused. Rejected: it is no user's.
        """
        from integrations.aws.hub_checkup import check

        device = await device_of(self._settings, self._secrets) is not None
        found, self.wanted = await check(self._hub, self._settings.hub_role, self._roles, second_factor=device)
        return found

    async def aclose(self) -> None:
        """Calls under way send nothing more."""
        self._hub.close()

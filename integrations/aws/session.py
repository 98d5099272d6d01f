"""Sign-in: the MSP's hub credential assumes a role in the client's account, with the client's own external id.

::

    hub user's key ──(MFA: GetSessionToken)──▶ [hub role] ──AssumeRole + ExternalId──▶ role in the client's account
                                                                  └─ GetCallerIdentity: is it the configured account?

Sources (docs.aws.amazon.com):
    /IAM/latest/UserGuide/confused-deputy.html            why every client has an external id of its own
    /STS/latest/APIReference/API_AssumeRole.html          900 s to 12 h; through another role at most one hour
    /STS/latest/APIReference/API_GetSessionToken.html     a code of the second factor counts once

Nothing of the machine's is used: no profile, no environment variable, no instance metadata, no configuration file.
"""

from __future__ import annotations

import asyncio
import functools
import os
import time
import weakref
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

import botocore.session
import pyotp
from botocore.client import BaseClient
from botocore.config import Config
from botocore.credentials import CredentialProvider, CredentialResolver, Credentials, ReadOnlyCredentials
from pydantic import SecretBytes

from integrations.aws.errors import EXPIRED, VENDOR, mapped
from integrations.aws.settings import HubSettings, Settings
from tenantry.errors import OutOfScope, SignInFailed

__all__ = ["AccountSessions", "Identity"]

_MARGIN_S: Final = 300.0
"""A session is renewed this long before it expires: longer than any call may take."""
_DEFAULT_LIFE_S: Final = 3600
_CODES: Final = 3


class _Live(Credentials):  # type: ignore[misc]  # botocore has no types
    """Credentials that are exchanged while clients hold on to them: botocore asks for the frozen ones at every signature, and gets
    the three parts of one session, never a mixture."""

    def __init__(self) -> None:
        super().__init__("none", "none", None, method="tenantry")
        self._frozen = ReadOnlyCredentials("none", "none", None)

    def exchange(self, keys: _Keys | None) -> None:
        """Sign with these from now on; None: with nothing that any account knows."""
        self._frozen = (
            ReadOnlyCredentials("none", "none", None)
            if keys is None
            else ReadOnlyCredentials(keys.access_key, keys.secret_key, keys.token)
        )

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self._frozen


@dataclass(frozen=True, slots=True)
class _Keys:
    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    expires: float = float("inf")
    """By the monotonic clock."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session is."""

    account: str
    arn: str
    clock_skew: float | None
    """Seconds by which AWS's clock is ahead of this machine's; None: its answer had no date."""


class _Factor:
    """The session that a code of the hub's second factor began, shared by all clients of one event loop: AWS takes each code once, and a
    campaign signs in to many accounts within the half minute of one."""

    def __init__(self) -> None:
        self.beginning = asyncio.Lock()
        self.keys: _Keys | None = None


_factors: weakref.WeakKeyDictionary[
    asyncio.AbstractEventLoop, weakref.WeakValueDictionary[tuple[str | None, ...], _Factor]
] = weakref.WeakKeyDictionary()
"""Event loop → hub → its session, for as long as a client's sessions refer to it."""


class _Given(CredentialProvider):  # type: ignore[misc]  # botocore has no types
    METHOD = "tenantry"
    CANONICAL_NAME = "Tenantry"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


@functools.cache
def _models() -> Any:
    """Descriptions of AWS's services, parsed once in this process: some 50 ms of CPU for each that would be read again."""
    return botocore.session.Session().get_component("data_loader")


def _session(credentials: Credentials | None) -> Any:
    """A botocore session that knows these credentials and nothing of the machine it runs on."""
    nowhere = {
        name: (None, None, default, None)
        for name, default in (("profile", None), ("config_file", os.devnull), ("credentials_file", os.devnull))
    }
    made = botocore.session.Session(session_vars=nowhere)
    made.set_config_variable("ignore_configured_endpoint_urls", True)
    made.register_component("data_loader", _models())
    providers = [] if credentials is None else [_Given(credentials)]
    made.register_component("credential_provider", CredentialResolver(providers))
    return made


class AccountSessions:
    """Sessions of one account; begun when they are first needed, renewed before they expire, one at a time.

    Args:
        secrets: gives ``access_key``, ``secret_key`` and, with MFA, ``mfa_seed`` of the hub's user, whenever a session begins.
        clock: monotonic seconds.
        sleep: waits for the next code of the second factor.
    """

    def __init__(
        self,
        settings: Settings,
        hub: HubSettings,
        secrets: Callable[[str], Awaitable[SecretBytes]],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._secrets = secrets
        self._clock = clock
        self._sleep = sleep
        self._live = _Live()
        self._botocore = _session(self._live)
        self._expires = 0.0
        self._beginning = asyncio.Lock()
        self._generation = 0
        self._hub_keys: _Keys | None = None
        self._factor: _Factor | None = None
        self._refused: _Keys | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="aws-sign-in")
        self.identity: Identity | None = None

    # --- for the caller -----------------------------------------------------------------------------------------------

    async def ready(self) -> None:
        """Have a session that lasts for a while.

        Raises:
            SignInFailed: the hub's credential or the role is refused. OutOfScope: what was assumed is another account's.
        """
        if self._clock() < self._expires - _MARGIN_S:
            return
        generation = self._generation
        async with self._beginning:
            if self._generation == generation or self._clock() >= self._expires - _MARGIN_S:
                await self._begin()

    async def renew(self) -> None:
        """Begin another session, unless somebody else did so meanwhile."""
        generation = self._generation
        async with self._beginning:
            if self._generation != generation:
                return
            try:
                await self._begin()
            except SignInFailed as error:
                if error.detail.get("vendor_code") not in EXPIRED:
                    raise
                self._hub_keys = None  # it is the hub's own session that is not taken any more
                await self._begin()

    def client(self, service: str, region: str, config: Config) -> BaseClient:
        """A client that signs with whatever session is the present one. Not for two threads at once."""
        made = self._botocore.create_client(
            service, region_name=region, config=config, endpoint_url=self._hub.endpoint_url
        )
        stand_in = self._hub.endpoint_url
        if stand_in is not None and service == "s3control":
            # Its address has the account's number in front of the host, under which no stand-in can be found.
            host = urlsplit(stand_in).netloc

            def rename(request: Any, **_: Any) -> None:
                request.url = request.url.replace(f"//{self._settings.account}.{host}/", f"//{host}/", 1)

            made.meta.events.register("before-sign.s3-control", rename)
        return made

    async def without_external_id(self) -> bool:
        """Whether the role can be assumed without the external id: then any client that names our hub could have us work in this
        account (confused deputy). Must be False."""
        keys = await self._hub_session()
        try:
            await self._assume(keys, external_id=None)
        except SignInFailed:
            return False
        return True

    def close(self) -> None:
        """Forget every credential."""
        self._generation += 1
        self._live.exchange(None)
        self._hub_keys, self._factor, self._refused, self._expires = None, None, None, 0.0
        self._pool.shutdown(wait=False, cancel_futures=True)

    # --- beginning ----------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        # Whoever asks meanwhile waits; what is there is not used while it is in question.
        self._expires = 0.0
        keys = await self._assume(await self._hub_session(), external_id=self._settings.external_id)
        identity = await self._who(keys)
        if identity.account != self._settings.account:
            raise OutOfScope(
                f"the role led to the account {identity.account}, not to {self._settings.account}",
                remedy="Correct account and role in the tenant's file; nothing was done in the other account.",
                vendor=VENDOR,
            )
        self._live.exchange(keys)
        self.identity = identity
        self._expires = keys.expires
        self._generation += 1

    async def _hub_session(self) -> _Keys:
        """The hub's keys: its user's own or, with a second factor or a role of the hub's, temporary ones."""
        kept = self._hub_keys
        if kept is not None and self._clock() < kept.expires - _MARGIN_S:
            return kept
        keys = _Keys(await self._secret("access_key"), await self._secret("secret_key"))
        hub = self._hub
        if hub.mfa_serial is not None:
            keys = await self._with_code(keys, hub.mfa_serial)
        if hub.hub_role is not None:
            answer = await self._sts(
                keys,
                "assume_role",
                RoleArn=hub.hub_role,
                RoleSessionName=hub.session_name,
                DurationSeconds=_DEFAULT_LIFE_S,
            )
            keys = self._keys(answer, _DEFAULT_LIFE_S)
        self._hub_keys = keys
        return keys

    async def _with_code(self, keys: _Keys, serial: str) -> _Keys:
        """The session of the second factor: the one that is there, or one begun with the code of this half minute. Where AWS refuses that,
        another process may have used it, and the next one is waited for."""
        hubs = _factors.setdefault(asyncio.get_running_loop(), weakref.WeakValueDictionary())
        place = (keys.access_key, serial, self._hub.endpoint_url)
        factor = hubs.get(place)
        if factor is None:
            factor = hubs[place] = _Factor()
        self._factor = factor
        async with factor.beginning:
            kept = factor.keys
            if kept is not None and kept is not self._refused and self._clock() < kept.expires - _MARGIN_S:
                self._refused = kept  # asked for again, it is because AWS did not take it
                return kept
            seed = pyotp.TOTP(await self._secret("mfa_seed"))
            for last in (*[False] * (_CODES - 1), True):
                at = time.time()
                try:
                    answer = await self._sts(
                        keys,
                        "get_session_token",
                        SerialNumber=serial,
                        TokenCode=seed.at(int(at)),
                        DurationSeconds=_DEFAULT_LIFE_S,
                    )
                    break
                except SignInFailed as error:
                    if last or error.detail.get("vendor_code") != "AccessDenied":
                        raise
                await self._sleep(seed.interval - at % seed.interval + 0.5)
            factor.keys = self._refused = self._keys(answer, _DEFAULT_LIFE_S)
            return factor.keys

    async def _assume(self, keys: _Keys, *, external_id: str | None) -> _Keys:
        settings = self._settings
        # Through a role of the hub's, AWS allows one hour at most.
        life = (
            settings.session_seconds if self._hub.hub_role is None else min(settings.session_seconds, _DEFAULT_LIFE_S)
        )
        named = {} if external_id is None else {"ExternalId": external_id}
        answer = await self._sts(
            keys,
            "assume_role",
            RoleArn=settings.role_arn,
            RoleSessionName=self._hub.session_name,
            DurationSeconds=life,
            **named,
        )
        return self._keys(answer, life)

    async def _who(self, keys: _Keys) -> Identity:
        answer = await self._sts(keys, "get_caller_identity")
        headers = (answer.get("ResponseMetadata") or {}).get("HTTPHeaders") or {}
        return Identity(str(answer.get("Account", "")), str(answer.get("Arn", "")), _skew(str(headers.get("date", ""))))

    async def _secret(self, name: str) -> str:
        return (await self._secrets(name)).get_secret_value().decode().strip()

    def _keys(self, answer: dict[str, Any], life: float) -> _Keys:
        found = answer.get("Credentials") or {}
        if not found.get("AccessKeyId") or not found.get("SecretAccessKey"):
            raise SignInFailed("AWS answered without credentials", vendor=VENDOR)
        # By our own clock from now: the vendor's date says nothing to a machine whose clock is wrong.
        return _Keys(
            found["AccessKeyId"], found["SecretAccessKey"], found.get("SessionToken"), expires=self._clock() + life
        )

    async def _sts(self, keys: _Keys, operation: str, **params: Any) -> dict[str, Any]:
        """One call of the token service. Repeated where nothing can have come of it; nothing here changes anything."""

        def call() -> dict[str, Any]:
            session = _session(Credentials(keys.access_key, keys.secret_key, keys.token))
            client = session.create_client(
                "sts",
                region_name=self._hub.region or self._settings.regions[0],
                endpoint_url=self._hub.endpoint_url,
                config=Config(
                    connect_timeout=5,
                    read_timeout=15,
                    retries={"mode": "standard", "total_max_attempts": 4},
                    user_agent_extra="tenantry",
                ),
            )
            try:
                answer: dict[str, Any] = getattr(client, operation)(**params)
            finally:
                client.close()
            return answer

        what = f"sts.{operation}"
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        except Exception as caught:
            error = mapped(caught, what, write=False)
            if error is None:
                raise
            if error.retryable:
                raise error from None
            raise SignInFailed(
                f"{what} for {self._settings.role_arn} is refused",
                remedy="Check the role's trust policy, the external id and the hub's credential; `tenantry tenants check T`.",
                **error.detail,
            ) from None


def _skew(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None

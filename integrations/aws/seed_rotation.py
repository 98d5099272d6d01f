"""``credentials`` of the MSP's hub at AWS: the seed of its user's second factor. AWS knows eight devices a user, so a new one stands
beside the old one until it is proven.

::

    make     CreateVirtualMFADevice → EnableMFADevice with two codes in a row
    prove    GetSessionToken with a code of the new device
    remove   DeactivateMFADevice → DeleteVirtualMFADevice, in a session of the new device

Sources (docs.aws.amazon.com/IAM/latest): UserGuide/id_credentials_mfa_enable_virtual.html, APIReference/API_EnableMFADevice.html,
APIReference/API_CreateVirtualMFADevice.html (the seed is said once).

The user needs, on itself: iam:ListMFADevices, iam:ListVirtualMFADevices, iam:CreateVirtualMFADevice, iam:EnableMFADevice,
iam:DeactivateMFADevice, iam:DeleteVirtualMFADevice.

Known limit: a code counts once, so each sign-in with the same device waits for the next one, up to half a minute.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

import pyotp
from botocore.credentials import Credentials
from pydantic import SecretBytes

from integrations.aws.errors import VENDOR
from integrations.aws.hub import Hub
from integrations.aws.second_factor import SEED, STEP, device_in
from integrations.aws.session import two_halves
from tenantry.capabilities.credentials import LABEL, LiveCredential, MadeCredential
from tenantry.errors import Conflict, InDoubt, PermissionMissing, Rejected, TargetNotFound

__all__ = ["AwsSeed"]

_PREFIX: Final = "tenantry-rotation-"
"""How the names of devices begin that a rotation made."""


class AwsSeed:
    """Implements :class:`~tenantry.capabilities.credentials.CredentialService`. A device's id is its name."""

    kind = "totp_seed"
    secret = SEED
    in_place = False
    labels = True
    listed = True

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def live(self) -> Sequence[LiveCredential]:
        """The user's devices."""
        return [
            LiveCredential(id=name, label=LABEL if name.startswith(_PREFIX) else "", created_at=since)
            for name, _, since in await self._devices()
        ]

    async def identify(self, value: SecretBytes, live: Sequence[LiveCredential]) -> str | None:
        """By its name, which is in it or in the settings."""
        name = self._name(value)
        return name if any(one.id == name for one in live) else None

    async def prepare(self, label: str) -> SecretBytes | None:  # noqa: ARG002  # names of devices hold no blanks
        """AWS makes it."""
        return None

    async def create(self, label: str, value: SecretBytes | None, signing: SecretBytes) -> MadeCredential:  # noqa: ARG002
        """A device beside the present one. What an earlier attempt made and did not enable is removed first."""
        credentials = await self._hub.signed(await self._hub.present())
        user = await self._hub.user(credentials)
        await self._sweep(credentials)
        name = f"{_PREFIX}{secrets.token_hex(6)}"
        answer = await self._hub.call(
            credentials, "iam", "create_virtual_mfa_device", write=True, VirtualMFADeviceName=name
        )
        made = answer.get("VirtualMFADevice") or {}
        serial, seed = str(made.get("SerialNumber") or ""), made.get("Base32StringSeed") or b""
        if not serial or not seed:
            raise InDoubt("AWS made a device and did not say it", vendor=VENDOR)
        text = seed.decode() if isinstance(seed, bytes) else str(seed)
        code = await self._hub.code(serial, text)
        before = pyotp.TOTP(text).at(int(self._hub.clock()) - STEP)
        await self._hub.call(
            credentials,
            *("iam", "enable_mfa_device"),
            write=True,
            UserName=user,
            SerialNumber=serial,
            AuthenticationCode1=before,
            AuthenticationCode2=code,
        )
        return MadeCredential(id=name, value=SecretBytes(f"{serial} {text}".encode()))

    async def suspend(self, id: str, signing: SecretBytes) -> bool:  # noqa: ARG002  # there is no such thing
        """A device that is deactivated is gone from the user."""
        return False

    async def remove(self, id: str, signing: SecretBytes) -> None:
        """Deactivated and deleted; absent counts as removed.

        Raises:
            Conflict: it is the one that signs in.
        """
        if id == self._name(signing):
            raise Conflict("this device is the one that signs in now")
        credentials = await self._hub.signed(await self._hub.present())
        user = await self._hub.user(credentials)
        serial = next((serial for name, serial, _ in await self._devices() if name == id), None)
        if serial is None:
            return
        for operation, more in (("deactivate_mfa_device", {"UserName": user}), ("delete_virtual_mfa_device", {})):
            await self._gone(credentials, operation, SerialNumber=serial, **more)

    async def works(self, value: SecretBytes) -> bool:
        """A session is begun with one of its codes."""
        keys = two_halves(await self._hub.present())
        device = device_in(value, self._hub.serial)
        try:
            await self._hub.session(Credentials(keys.access_key, keys.secret_key), device)
        except (PermissionMissing, Rejected):  # AccessDenied: wrong code, or no such device of this user
            return False
        return True

    async def dead(self, value: SecretBytes) -> bool:
        """Refused: there is one place alone."""
        return not await self.works(value)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _name(self, value: SecretBytes) -> str:
        return device_in(value, self._hub.serial).serial.rsplit("/", 1)[-1]

    async def _devices(self) -> list[tuple[str, str, Any]]:
        credentials = await self._hub.signed(await self._hub.present())
        answer = await self._hub.call(
            credentials, "iam", "list_mfa_devices", UserName=await self._hub.user(credentials)
        )
        rows = answer["MFADevices"]
        return [(str(r["SerialNumber"]).rsplit("/", 1)[-1], str(r["SerialNumber"]), r.get("EnableDate")) for r in rows]

    async def _sweep(self, credentials: Credentials) -> None:
        answer = await self._hub.call(credentials, "iam", "list_virtual_mfa_devices", AssignmentStatus="Unassigned")
        for row in answer["VirtualMFADevices"]:
            serial = str(row["SerialNumber"])
            if serial.rsplit("/", 1)[-1].startswith(_PREFIX):
                await self._gone(credentials, "delete_virtual_mfa_device", SerialNumber=serial)

    async def _gone(self, credentials: Credentials, operation: str, **params: Any) -> None:
        try:
            await self._hub.call(credentials, "iam", operation, write=True, **params)
        except TargetNotFound:
            return

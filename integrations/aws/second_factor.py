"""Codes of the hub user's second factor. AWS takes each once: whoever needs two within half a minute waits for the next.

Source: docs.aws.amazon.com/STS/latest/APIReference/API_GetSessionToken.html; RFC 6238, 5.2 (a code is accepted once).

Known limit: two processes of one installation may ask in the same half minute; the one that is refused tries again with the next code.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import pyotp
from pydantic import SecretBytes

from integrations.aws.settings import HubSettings
from tenantry.errors import InvalidInput, SignInFailed

__all__ = ["SEED", "STEP", "Device", "device_in", "device_of", "next_code"]

SEED: Final = "mfa_seed"
"""The name of the hub's secret: the seed alone, the device being named in the settings; or both, ``arn:aws:iam::…:mfa/… SEED``: one
secret is exchanged by one write."""

STEP: Final = 30
"""Seconds for which a code is good."""

_used: dict[str, int] = {}
"""Serial of a device → the last step whose code this process has used."""
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class Device:
    """A virtual device. ``seed``: base 32."""

    serial: str
    seed: str = field(repr=False)


def device_in(value: SecretBytes, serial: str | None = None) -> Device:
    """The device of a secret.

    Args:
        serial: of the settings, for a secret that is the seed alone.

    Raises:
        SignInFailed: it is neither. Nothing of it is repeated.
    """
    words = value.get_secret_value().decode("utf-8", "replace").split()
    if len(words) == 2 and ":mfa/" in words[0]:
        return Device(words[0], words[1])
    if len(words) != 1 or serial is None:
        raise SignInFailed(
            "the hub's second factor in the vault is not a device's name and its seed with a blank between them",
            remedy="Store it so with `tenantry vault put --tenant _msp`, or name the device in the hub's settings (mfa_serial).",
            vendor="aws",
        )
    return Device(serial, words[0])


async def device_of(hub: HubSettings, secrets: Callable[[str], Awaitable[SecretBytes]]) -> Device | None:
    """The hub user's device; None where estate.yaml names none."""
    try:
        value = await secrets(SEED)
    except InvalidInput:
        if hub.mfa_serial is not None:
            raise
        return None
    return device_in(value, hub.mfa_serial)


async def next_code(
    serial: str,
    seed: str,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> str:
    """A code of the device that this process has not used yet; waits for the next where the present one is used up.

    Args:
        seed: base 32.
        clock: Unix seconds.
    """
    while True:
        now = clock()
        step = int(now) // STEP
        with _lock:
            if _used.get(serial, -1) < step:
                _used[serial] = step
                return pyotp.TOTP(seed).at(step * STEP)
        await sleep((step + 1) * STEP - now)

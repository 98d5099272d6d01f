"""Codes count once, and a secret may name its device."""

from __future__ import annotations

import pyotp
import pytest
from pydantic import SecretBytes

from integrations.aws.second_factor import STEP, device_in, next_code
from tenantry.errors import SignInFailed

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
SERIAL = "arn:aws:iam::999999999999:mfa/hub"


async def test_who_needs_another_waits_for_it() -> None:
    now, waited = [1_000_000_005.0], []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        now[0] += seconds

    codes = [await next_code(f"{SERIAL}-1", SEED, lambda: now[0], sleep) for _ in range(3)]
    assert len(set(codes)) == 3
    assert codes[0] == pyotp.TOTP(SEED).at(1_000_000_005)
    assert len(waited) == 2
    assert all(0 < seconds <= STEP for seconds in waited)
    assert await next_code(f"{SERIAL}-2", SEED, lambda: now[0], sleep) == codes[2]  # another device's is not used up
    assert len(waited) == 2


def test_a_secret_names_its_device_or_the_settings_do() -> None:
    both = device_in(SecretBytes(f"{SERIAL} {SEED}\n".encode()))
    assert (both.serial, both.seed) == (SERIAL, SEED)
    assert device_in(SecretBytes(SEED.encode()), SERIAL) == both
    assert SEED not in repr(both)
    for wrong in (SEED, "", f"{SERIAL} {SEED} canary", "canary canary"):
        with pytest.raises(SignInFailed) as refused:
            device_in(SecretBytes(wrong.encode()))
        assert "canary" not in f"{refused.value}{refused.value.remedy}"

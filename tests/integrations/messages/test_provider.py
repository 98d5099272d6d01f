from __future__ import annotations

import pytest
from pydantic import SecretBytes, ValidationError

from integrations.messages.provider import PROVIDER, Settings
from tenantry.errors import OutOfScope
from tenantry.providers import EstateProvider, channels_of

MAIL = {"via": "smtp", "host": "smtp.msp.example", "sender": "incident@msp.example"}


async def nothing(_name: str) -> SecretBytes:
    raise AssertionError("signs in at first use")


@pytest.mark.parametrize(
    "settings",
    [
        {"via": "pigeon"},
        {"via": "smtp"},
        {**MAIL, "security": "none"},
        {**MAIL, "host": "192.0.2.1"},
        {**MAIL, "host": "smtp.example/x"},
        {**MAIL, "sender": "a@b\r\nX: y"},
        {**MAIL, "password": "x"},
        {"via": "teams", "host": "x"},
        {"via": "slack", "webhook": "https://hooks.slack.com/x"},
    ],
)
def test_settings_that_are_refused(settings):
    with pytest.raises(ValidationError):
        Settings.model_validate(settings)


def test_which_channel_goes_where():
    assert channels_of(PROVIDER, MAIL) == ("mail",)
    assert channels_of(PROVIDER, {"via": "slack"}) == ("chat",)
    assert isinstance(PROVIDER, EstateProvider)


@pytest.mark.parametrize("settings", [MAIL, {"via": "teams"}, {"via": "slack"}])
async def test_opens_without_signing_in_and_offers_nothing_else(settings):
    handle = await PROVIDER.open(settings, nothing)
    assert handle.capability("messenger")
    with pytest.raises(OutOfScope):
        handle.capability("mail")
    await handle.aclose()

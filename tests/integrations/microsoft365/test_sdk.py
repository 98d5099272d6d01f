from __future__ import annotations

import subprocess
import sys

import pytest

from integrations.microsoft365.sdk import METHOD_COLLECTIONS, Sdk, build, build_for
from tenantry.errors import Rejected

ROOT = "https://graph.example/v1.0"


@pytest.mark.parametrize("kind", sorted(METHOD_COLLECTIONS))
async def test_every_kind_of_method_has_its_own_address(kind: str) -> None:
    collection, by_id = METHOD_COLLECTIONS[kind]
    prepared = await build(
        ROOT,
        lambda sdk: getattr(getattr(sdk.user("a#EXT#@b.example").authentication, collection), by_id)(
            "m/1"
        ).to_delete_request_information(),
    )
    assert (prepared.method, prepared.url) == (
        "DELETE",
        f"{ROOT}/users/a%23EXT%23%40b.example/authentication/{kind}/m%2F1",
    )


async def test_a_body_is_not_printed() -> None:
    def make(sdk: Sdk) -> object:
        profile = sdk.model("password_profile", "PasswordProfile", password="canary-19")
        return sdk.user("u").to_patch_request_information(sdk.model("user", "User", password_profile=profile))

    prepared = await build(ROOT, make)
    assert prepared.content is not None
    assert b"canary-19" in prepared.content
    assert "canary-19" not in repr(prepared)


async def test_what_is_built_once_goes_where_each_caller_says() -> None:
    def make(one: object, sdk: Sdk) -> object:
        return one.to_patch_request_information(sdk.model("user", "User", account_enabled=False))  # type: ignore[attr-defined]  # the SDK's

    first = await build_for(ROOT, "a%23b", "accountEnabled=False", make)
    second = await build_for("https://graph.microsoft.us/v1.0", "c", "accountEnabled=False", make)
    assert (first.method, first.url) == ("PATCH", f"{ROOT}/users/a%23b")
    assert (second.method, second.url) == ("PATCH", "https://graph.microsoft.us/v1.0/users/c")
    assert first.content == second.content == b'{"accountEnabled": false}'


async def test_the_sdk_cannot_send() -> None:
    sdk = Sdk(ROOT)
    with pytest.raises(Rejected):
        await sdk.user("u").delete()


def test_reading_does_not_load_the_sdk() -> None:
    code = (
        "import sys, integrations.microsoft365.identity, integrations.microsoft365.mail, integrations.microsoft365.logs;"
        "print([name for name in sys.modules if name.startswith(('msgraph', 'kiota'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_naming_the_vendor_loads_no_client() -> None:
    code = "import sys, integrations.microsoft365.provider, integrations.sink.provider; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

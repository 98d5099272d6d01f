"""Single writes to Graph, built by Microsoft's own SDK and sent by our own client.

The SDK's request builders and models give path, method and body of a write; the transport stays ours, so that the rules about
repeating, doubt and deadlines hold. Answers are not parsed with it (one user costs 10 to 29 ms of CPU).

The SDK is large: importing what one write needs takes up to a second and 40 MB. So it is imported at the first write, in a
thread, by name: no process that only reads pays for it, and no type checker has to follow its ten thousand modules.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tenantry.errors import Rejected

__all__ = ["METHOD_COLLECTIONS", "Prepared", "Sdk", "build", "build_for", "preload"]

METHOD_COLLECTIONS: Final[Mapping[str, tuple[str, str]]] = {
    "emailMethods": ("email_methods", "by_email_authentication_method_id"),
    "externalAuthenticationMethods": (
        "external_authentication_methods",
        "by_external_authentication_method_id",
    ),
    "fido2Methods": ("fido2_methods", "by_fido2_authentication_method_id"),
    "microsoftAuthenticatorMethods": (
        "microsoft_authenticator_methods",
        "by_microsoft_authenticator_authentication_method_id",
    ),
    "phoneMethods": ("phone_methods", "by_phone_authentication_method_id"),
    "platformCredentialMethods": (
        "platform_credential_methods",
        "by_platform_credential_authentication_method_id",
    ),
    "softwareOathMethods": ("software_oath_methods", "by_software_oath_authentication_method_id"),
    "temporaryAccessPassMethods": (
        "temporary_access_pass_methods",
        "by_temporary_access_pass_authentication_method_id",
    ),
    "windowsHelloForBusinessMethods": (
        "windows_hello_for_business_methods",
        "by_windows_hello_for_business_authentication_method_id",
    ),
}
"""Graph's collection of authentication methods → the SDK's builder and its selector."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that was built and not sent. Not printed: a body may hold a new password."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes | None

    def __repr__(self) -> str:
        return f"Prepared({self.method})"


class Sdk:
    """The parts of the SDK that writes use, bound to one address."""

    def __init__(self, base_url: str) -> None:
        self._adapter = _adapter_class()(base_url)

    def model(self, module: str, name: str, **values: Any) -> Any:
        """A model of ``msgraph.generated.models``. The redundant ``@odata.type`` of a plain entity is left out."""
        cls = getattr(importlib.import_module(f"msgraph.generated.models.{module}"), name)
        return cls(**values, odata_type=None)

    def user(self, user: str) -> Any:
        """Builder of ``/users/{id}``."""
        return self._item("users.item.user_item_request_builder", "UserItemRequestBuilder", "user%2Did", user)

    def device(self, device: str) -> Any:
        """Builder of ``/devices/{id}``."""
        return self._item("devices.item.device_item_request_builder", "DeviceItemRequestBuilder", "device%2Did", device)

    def managed_device(self, device: str) -> Any:
        """Builder of ``/deviceManagement/managedDevices/{id}``."""
        module = "device_management.managed_devices.item.managed_device_item_request_builder"
        return self._item(module, "ManagedDeviceItemRequestBuilder", "managedDevice%2Did", device)

    def whole_wipe(self) -> Any:
        """Body of ``wipe``: nothing is kept."""
        module = "device_management.managed_devices.item.wipe.wipe_post_request_body"
        return self.plain(module, "WipePostRequestBody", keep_enrollment_data=False, keep_user_data=False)

    def drive_item(self, drive: str, item: str) -> Any:
        """Builder of ``/drives/{id}/items/{id}``."""
        module = "drives.item.items.item.drive_item_item_request_builder"
        return self._builder(module, "DriveItemItemRequestBuilder", {"drive%2Did": drive, "driveItem%2Did": item})

    def invitation(self, account_id: str, role: str) -> Any:
        """Body of ``invite``: to one account, by signing in, without a mail."""
        return self.plain(
            "drives.item.items.item.invite.invite_post_request_body",
            "InvitePostRequestBody",
            recipients=[self.model("drive_recipient", "DriveRecipient", object_id=account_id)],
            require_sign_in=True,
            send_invitation=False,
            retain_inherited_permissions=None,
            roles=[role],
        )

    def deleted(self, object_id: str) -> Any:
        """Builder of ``/directory/deletedItems/{id}``."""
        module = "directory.deleted_items.item.directory_object_item_request_builder"
        return self._item(module, "DirectoryObjectItemRequestBuilder", "directoryObject%2Did", object_id)

    def group(self, group: str) -> Any:
        """Builder of ``/groups/{id}``."""
        return self._item("groups.item.group_item_request_builder", "GroupItemRequestBuilder", "group%2Did", group)

    def reference(self, address: str) -> Any:
        """Body that names another object."""
        return self.plain("models.reference_create", "ReferenceCreate", odata_id=address)

    def assignment(self, add: list[Any], remove: list[Any]) -> Any:
        """Body of ``assignLicense``."""
        module = "users.item.assign_license.assign_license_post_request_body"
        return self.plain(module, "AssignLicensePostRequestBody", add_licenses=add, remove_licenses=remove)

    def plain(self, module: str, name: str, **values: Any) -> Any:
        """A body that is no entity."""
        return getattr(importlib.import_module(f"msgraph.generated.{module}"), name)(**values)

    def grants(self) -> Any:
        """Builder of ``/oauth2PermissionGrants``."""
        return self._builder(
            "oauth2_permission_grants.oauth2_permission_grants_request_builder",
            "Oauth2PermissionGrantsRequestBuilder",
            {},
        )

    def _item(self, module: str, name: str, key: str, value: str) -> Any:
        return self._builder(module, name, {key: value})

    def _builder(self, module: str, name: str, values: dict[str, str]) -> Any:
        cls = getattr(importlib.import_module(f"msgraph.generated.{module}"), name)
        return cls(self._adapter, {"baseurl": self._adapter.base_url, **values})


async def build(base_url: str, make: Callable[[Sdk], Any]) -> Prepared:
    """Build a write in a thread.

    Args:
        base_url: Graph's address with version.
        make: from the SDK to one of its ``to_*_request_information()``.
    """
    return await asyncio.to_thread(_build, base_url, make)


async def build_for(base_url: str, user: str, kind: str, make: Callable[[Any, Sdk], Any]) -> Prepared:
    """Build a write that is the same for every account but for the account: the SDK builds it once, for a placeholder at a placeholder.

    Args:
        base_url: Graph's address with version.
        user: the account, as a path segment: quoted.
        kind: what it writes, the values included; never for a write that holds a secret, since it is kept.
        make: from the account's builder and the SDK to one of its ``to_*_request_information()``.
    """
    pattern = _patterns.get(kind)
    if pattern is None:
        building = _building.get(kind)
        if building is None or building.get_loop() is not asyncio.get_running_loop():
            building = asyncio.create_task(build(_ANYWHERE, lambda sdk: make(sdk.user(_PLACEHOLDER), sdk)))
            _building[kind] = building
        try:
            pattern = _patterns[kind] = await asyncio.shield(building)  # many ask at once, and go on together
        finally:
            _building.pop(kind, None)
    if pattern.url.count(_PLACEHOLDER) != 1 or not pattern.url.startswith(f"{_ANYWHERE}/"):
        raise Rejected("the SDK built a request that does not name its account once")
    path = pattern.url.removeprefix(_ANYWHERE).replace(_PLACEHOLDER, user)
    return replace(pattern, url=f"{base_url}{path}")


_ANYWHERE: Final = "https://graph.invalid/v1.0"
_PLACEHOLDER: Final = "placeholder-for-the-account"
_patterns: dict[str, Prepared] = {}
_building: dict[str, asyncio.Task[Prepared]] = {}


def preload() -> None:
    """Import what the usual writes need, for a process that waits for work and wants its first write to be quick."""
    sdk = Sdk("https://localhost")
    sdk.user("u").to_patch_request_information(sdk.model("user", "User", account_enabled=True))
    sdk.model("password_profile", "PasswordProfile")
    sdk.user("u").revoke_sign_in_sessions.to_post_request_information()


def _build(base_url: str, make: Callable[[Sdk], Any]) -> Prepared:
    information = make(Sdk(base_url))
    if information.http_method is None:
        raise Rejected("the SDK built a request without a method")
    return Prepared(
        method=str(information.http_method.value),
        url=str(information.url),
        headers=dict(information.request_headers),
        content=information.content or None,
    )


@functools.cache
def _adapter_class() -> type[Any]:
    """An adapter that can serialise and nothing else: whatever would send through it fails."""
    adapter = importlib.import_module("kiota_abstractions.request_adapter").RequestAdapter
    writer = importlib.import_module(
        "kiota_serialization_json.json_serialization_writer_factory"
    ).JsonSerializationWriterFactory

    async def no_sending(*_args: Any, **_kwargs: Any) -> Any:
        raise Rejected("the SDK must not send; the platform's own client does")

    def prepared(self: Any, base_url: str) -> None:
        self.base_url = base_url

    members: dict[str, Any] = dict.fromkeys(adapter.__abstractmethods__, no_sending)
    members["__init__"] = prepared
    members["get_serialization_writer_factory"] = lambda _self: writer()
    members["enable_backing_store"] = lambda _self, _factory: None
    return type("BuildOnlyAdapter", (adapter,), members)

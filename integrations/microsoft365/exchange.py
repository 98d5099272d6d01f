"""Exchange Online's cmdlets over REST (``InvokeCommand``): what Graph does not show, such as hidden inbox rules, mailbox
forwarding and permissions.

The endpoint carries the vendor's own PowerShell module and is not documented as an API; its documented successor (``/adminapi/v2.0``) has no
inbox rules. The cmdlets themselves are documented: learn.microsoft.com/powershell/module/exchange/<cmdlet>.

Permissions: application role ``Exchange.ManageAsApp`` (resource Office 365 Exchange Online), and the Exchange
Administrator role on the application's service principal (a reader role cannot run ``Get-InboxRule``).

Known behaviour that is handled here:
    - lists come in pages, fetched by sending the same body to ``@odata.nextLink``; a page that fails starts the list anew;
    - a cmdlet that is unknown or not granted answers 403 with a blank body;
    - errors are text with bars: id, exception class, message. Only the exception's class decides;
    - some exceptions under status 400 are passing ones: two of them say that nothing was done, two leave it open;
    - a ``Get`` for an identity that does not exist may return everything: callers filter what comes back.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from integrations.http import Answer, Authorizer, Http
from tenantry.errors import (
    OutOfScope,
    PermissionMissing,
    Rejected,
    TargetNotFound,
    TenantryError,
    Throttled,
    VendorFault,
)

__all__ = ["PERMISSION", "SYSTEM_MAILBOX", "Exchange"]

PERMISSION: Final = "Exchange.ManageAsApp"
SYSTEM_MAILBOX: Final = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}"
"""The arbitration mailbox that every organization has: the anchor of calls that are about no mailbox."""

_NOT_FOUND: Final = frozenset(
    {
        "ManagementObjectNotFoundException",
        "UserNotFoundInPermissionEntryException",
        "ACLObjectNotFoundException",
        "RuleNotFoundException",
    }
)
_NOT_DONE: Final = frozenset({"CmdletProxyNotAvailableFailure", "ServerBusyException"})
_PASSING: Final = frozenset({"TransientException", "BackendCommunicationException"})
_GUID: Final = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Exchange:
    """Exchange of one tenant.

    Args:
        http: the tenant's client.
        authorizer: tokens for Exchange.
        base_url: ``https://outlook.office365.com``.
        tenant_id: GUID; part of the address.
    """

    def __init__(self, http: Http, authorizer: Authorizer, base_url: str, tenant_id: str) -> None:
        self.http = http
        self._authorizer = authorizer
        self._root = f"{base_url.rstrip('/')}/adminapi/beta/{tenant_id}"
        self._tenant_id = tenant_id
        self._connection = str(uuid.uuid4())

    async def read(
        self, cmdlet: str, parameters: Mapping[str, Any], *, mailbox: str | None = None
    ) -> list[dict[str, Any]]:
        """All rows of a ``Get`` cmdlet.

        Args:
            cmdlet: its name.
            parameters: by name; a switch is True.
            mailbox: the mailbox it is about: routes the call to the right server.

        Raises:
            TargetNotFound, PermissionMissing, Rejected: what Exchange said.
            ProviderError: see :class:`~integrations.http.Http`.
        """
        try:
            return await self._all(cmdlet, parameters, mailbox)
        except _PageLost:
            pass  # next links are bound to a server-side session that may end: start anew, once
        return await self._all(cmdlet, parameters, mailbox)

    async def write(self, cmdlet: str, parameters: Mapping[str, Any], *, mailbox: str | None = None) -> None:
        """Run a cmdlet that changes something.

        Raises:
            InDoubt: it may have been done.
            ProviderError: it was not done.
        """
        await self.http.write(
            "POST",
            f"{self._root}/InvokeCommand",
            headers=self._headers(mailbox),
            content=_body(cmdlet, parameters),
            authorizer=self._authorizer,
            dialect=_refused,
            what=cmdlet,
        )

    async def _all(self, cmdlet: str, parameters: Mapping[str, Any], mailbox: str | None) -> list[dict[str, Any]]:
        content = _body(cmdlet, parameters)
        url = f"{self._root}/InvokeCommand"
        rows: list[dict[str, Any]] = []
        first = True
        while True:
            lost = False
            try:
                answer = await self.http.read(
                    "POST",
                    url,
                    headers=self._headers(mailbox),
                    content=content,
                    authorizer=self._authorizer,
                    dialect=_refused,
                    what=cmdlet,
                )
            except (Rejected, TargetNotFound):
                if first:
                    raise
                lost = True
            if lost:
                raise _PageLost(f"Exchange lost a page of {cmdlet}", vendor=self.http.vendor)
            first = False
            page = answer.data.get("value") if isinstance(answer.data, dict) else None
            if not isinstance(page, list):
                raise VendorFault(f"Exchange answered {cmdlet} without rows", vendor=self.http.vendor, **answer.ids)
            rows.extend(row for row in page if isinstance(row, dict))
            link = answer.data.get("@odata.nextLink")
            if link is None:
                return rows
            self._own(link, url, cmdlet)
            url = link

    def _own(self, link: Any, current: str, cmdlet: str) -> None:
        if not isinstance(link, str) or link == current:
            raise VendorFault(f"Exchange gave a next page of {cmdlet} that leads nowhere", vendor=self.http.vendor)
        ours, theirs = urlsplit(self._root), urlsplit(link)
        same = (ours.scheme, ours.netloc.lower()) == (theirs.scheme, theirs.netloc.lower())
        if not same or not theirs.path.lower().startswith(ours.path.lower() + "/") or "/.." in theirs.path:
            raise OutOfScope("a link leads outside the tenant's own Exchange address", vendor=self.http.vendor)

    def _headers(self, mailbox: str | None) -> dict[str, str]:
        if mailbox is not None and not _GUID.fullmatch(mailbox):
            anchor = f"UPN:{mailbox}"
        else:
            anchor = f"APP:{SYSTEM_MAILBOX}@{self._tenant_id}"
        return {
            "X-AnchorMailbox": anchor,
            "Prefer": "odata.maxpagesize=1000",
            "connection-id": self._connection,
        }


class _PageLost(VendorFault):
    """A page after the first was refused."""


def _body(cmdlet: str, parameters: Mapping[str, Any]) -> bytes:
    return json.dumps({"CmdletInput": {"CmdletName": cmdlet, "Parameters": dict(parameters)}}).encode()


def _refused(answer: Answer, what: str) -> TenantryError:
    """Exchange's 4xx answers."""
    names = _exceptions(answer.json())
    name = next(iter(names), "")
    detail: dict[str, Any] = {
        "vendor": "microsoft365",
        "status": answer.status,
        "vendor_code": name,
        **answer.ids,
    }
    if names.keys() & _NOT_DONE:
        return Throttled(f"Exchange is too busy for {what} ({name})", **detail)
    if names.keys() & _PASSING:
        return VendorFault(f"Exchange failed {what} ({name})", **detail)
    if answer.status in (401, 403):
        return PermissionMissing(
            f"{what} is not permitted by Exchange",
            remedy=f"Grant the application {PERMISSION} and give its service principal the Exchange Administrator role.",
            needs=PERMISSION,
            **detail,
        )
    if names.keys() & _NOT_FOUND or (answer.status == 404 and not name):
        return TargetNotFound(f"{what}: not found at Exchange ({name or 'no code'})", **detail)
    return Rejected(f"Exchange refused {what} with {answer.status} ({name or 'no code'})", **detail)


def _exceptions(body: Any) -> dict[str, None]:
    """The short names of the exceptions that an error object names, most specific first."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        return {}
    found: dict[str, None] = {}
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        message = detail.get("message") if isinstance(detail, dict) else None
        parts = message.split("|") if isinstance(message, str) else []
        if len(parts) >= 2:
            found[parts[1].rsplit(".", 1)[-1].strip()] = None
    inner = error.get("innererror")
    while isinstance(inner, dict):
        if isinstance(inner.get("type"), str):
            found[inner["type"].rsplit(".", 1)[-1]] = None
        inner = inner.get("internalexception")
    if isinstance(error.get("code"), str):
        found.setdefault(error["code"])
    return found

"""Exchange Online's cmdlets over REST (``InvokeCommand``): what Graph does not show, such as hidden inbox rules, mailbox
forwarding and permissions.

The endpoint carries the vendor's own PowerShell module and is not documented as an API; its documented successor (``/adminapi/v2.0``) has no
inbox rules. The cmdlets themselves are documented: learn.microsoft.com/powershell/module/exchange/<cmdlet>.

Permissions: application role ``Exchange.ManageAsApp`` (resource Office 365 Exchange Online), and the Exchange
Administrator role on the application's service principal (a reader role cannot run ``Get-InboxRule``).

Known behaviour that is handled here:
    - at most ten commands travel in one ``$batch``, each answered and refused by itself;
    - lists come in pages, fetched by sending the same body to ``@odata.nextLink``; a page that fails starts the list anew;
    - a cmdlet that is unknown or not granted answers 403 with a blank body;
    - errors are text with bars: id, exception class, message. Only the exception's class decides;
    - some exceptions under status 400 are passing ones: two of them say that nothing was done, two leave it open;
    - a ``Get`` for an identity that does not exist may return everything: callers filter what comes back.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from integrations.http import Answer, Authorizer, Http
from integrations.microsoft365.shared_walk import PageLost
from tenantry.errors import (
    OutOfScope,
    PermissionMissing,
    ProviderError,
    Rejected,
    TargetNotFound,
    TenantryError,
    Throttled,
    VendorFault,
)

__all__ = ["BATCHES", "BATCH_SIZE", "PERMISSION", "SYSTEM_MAILBOX", "Exchange"]

PERMISSION: Final = "Exchange.ManageAsApp"
BATCH_SIZE: Final = 10
"""The most that Exchange takes in one batch."""
BATCHES: Final = 10
"""Batches under way at once: a hundred cmdlets, as many as Exchange lets one caller queue (``QueueDepth`` of its throttling policy,
techcommunity.microsoft.com, "Running PowerShell cmdlets for large numbers of users"). More would wait there, and keep whoever asks
something else from his turn here."""
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
        self._batches = asyncio.Semaphore(BATCHES)

    async def read(
        self,
        cmdlet: str,
        parameters: Mapping[str, Any],
        *,
        mailbox: str | None = None,
        select: Sequence[str] = (),
    ) -> list[dict[str, Any]]:
        """All rows of a ``Get`` cmdlet.

        Args:
            cmdlet: its name.
            parameters: by name; a switch is True.
            mailbox: the mailbox it is about: routes the call to the right server.
            select: properties; all where empty.

        Raises:
            TargetNotFound, PermissionMissing, Rejected: what Exchange said.
            ProviderError: see :class:`~integrations.http.Http`.
        """
        try:
            return await self._all(cmdlet, parameters, mailbox, select)
        except PageLost:
            pass  # next links are bound to a server-side session that may end: start anew, once
        return await self._all(cmdlet, parameters, mailbox, select)

    async def pages(
        self, cmdlet: str, parameters: Mapping[str, Any], *, select: Sequence[str] = ()
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows of a ``Get`` cmdlet about no particular mailbox, a page at a time; only one page is in memory.

        Raises:
            ProviderError: as :meth:`read`; a page that is lost is not begun anew, because its predecessors were handed out.
        """
        async for page in self._pages(cmdlet, parameters, None, select):
            yield page

    async def read_together(
        self, cmdlet: str, asked: Sequence[tuple[Mapping[str, Any], str]]
    ) -> list[list[dict[str, Any]] | ProviderError]:
        """The same ``Get`` cmdlet of several mailboxes, ten to a request; for each its rows, or why there are none.

        What the batch does not answer (throttled, failed, a further page) is asked for alone.

        Args:
            asked: parameters, and the mailbox that they are about.

        Raises:
            ProviderError: the batch as a whole was refused.
        """
        found: list[list[dict[str, Any]] | ProviderError] = []
        parts = [asked[at : at + BATCH_SIZE] for at in range(0, len(asked), BATCH_SIZE)]
        for answers in await asyncio.gather(*(self._batch(cmdlet, part) for part in parts)):
            found += answers
        return found

    async def _batch(
        self, cmdlet: str, asked: Sequence[tuple[Mapping[str, Any], str]]
    ) -> list[list[dict[str, Any]] | ProviderError]:
        url = f"{self._root}/InvokeCommand"
        requests = [
            {
                "id": str(uuid.uuid4()),
                "method": "POST",
                "url": url,
                "headers": {**self._headers(mailbox), "Content-Type": "application/json"},
                "body": _command(cmdlet, parameters),
            }
            for parameters, mailbox in asked
        ]
        async with self._batches:
            answer = await self.http.read(
                "POST",
                f"{self._root}/$batch",
                headers={
                    **self._headers(None),
                    "Prefer": "odata.maxpagesize=1000;odata.continue-on-error",
                },
                content=json.dumps({"requests": requests}).encode(),
                authorizer=self._authorizer,
                dialect=_refused,
                what=f"{cmdlet} of {len(requests)}",
            )
        responses = answer.data.get("responses") if isinstance(answer.data, dict) else None
        given = {
            one.get("id"): one for one in (responses if isinstance(responses, list) else ()) if isinstance(one, dict)
        }
        items = [_item(given.get(request["id"]), cmdlet) for request in requests]
        return list(
            await asyncio.gather(
                *(
                    self._alone(cmdlet, parameters, mailbox) if item is None else _ready(item)
                    for item, (parameters, mailbox) in zip(items, asked, strict=True)
                )
            )
        )

    async def _alone(
        self, cmdlet: str, parameters: Mapping[str, Any], mailbox: str
    ) -> list[dict[str, Any]] | ProviderError:
        try:
            return await self.read(cmdlet, parameters, mailbox=mailbox)
        except ProviderError as error:
            return error

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

    async def _all(
        self, cmdlet: str, parameters: Mapping[str, Any], mailbox: str | None, select: Sequence[str]
    ) -> list[dict[str, Any]]:
        return [row async for page in self._pages(cmdlet, parameters, mailbox, select) for row in page]

    async def _pages(
        self, cmdlet: str, parameters: Mapping[str, Any], mailbox: str | None, select: Sequence[str]
    ) -> AsyncIterator[list[dict[str, Any]]]:
        content = _body(cmdlet, parameters)
        url = f"{self._root}/InvokeCommand" + (f"?$select={','.join(select)}" if select else "")
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
                raise PageLost(f"Exchange lost a page of {cmdlet}", vendor=self.http.vendor)
            first = False
            page = answer.data.get("value") if isinstance(answer.data, dict) else None
            if not isinstance(page, list):
                raise VendorFault(f"Exchange answered {cmdlet} without rows", vendor=self.http.vendor, **answer.ids)
            link = answer.data.get("@odata.nextLink")
            del answer  # whoever takes the rows may need minutes for them, and they are many
            yield [row for row in page if isinstance(row, dict)]
            page = None
            if link is None:
                return
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


def _body(cmdlet: str, parameters: Mapping[str, Any]) -> bytes:
    return json.dumps(_command(cmdlet, parameters)).encode()


def _command(cmdlet: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {"CmdletInput": {"CmdletName": cmdlet, "Parameters": dict(parameters)}}


async def _ready(
    item: list[dict[str, Any]] | ProviderError,
) -> list[dict[str, Any]] | ProviderError:
    return item


def _item(found: dict[str, Any] | None, cmdlet: str) -> list[dict[str, Any]] | ProviderError | None:
    """A batch's item; None where it has to be asked for alone."""
    status = found.get("status") if found is not None else None
    body = found.get("body") if found is not None else None
    if status == 200 and isinstance(body, dict):
        rows = body.get("value")
        if isinstance(rows, list) and body.get("@odata.nextLink") is None:
            return [row for row in rows if isinstance(row, dict)]
        return None
    if not isinstance(status, int) or not 400 <= status < 500 or status in (401, 408, 429):
        return None
    error = _error(status, body, cmdlet, {})
    return None if error.retryable else error


def _refused(answer: Answer, what: str) -> TenantryError:
    """Exchange's 4xx answers."""
    return _error(answer.status, answer.json(), what, answer.ids)


def _error(status: int, body: Any, what: str, ids: Mapping[str, str]) -> ProviderError:
    names = _exceptions(body)
    name = next(iter(names), "")
    detail: dict[str, Any] = {"vendor": "microsoft365", "status": status, "vendor_code": name, **ids}
    if names.keys() & _NOT_DONE:
        return Throttled(f"Exchange is too busy for {what} ({name})", **detail)
    if names.keys() & _PASSING:
        return VendorFault(f"Exchange failed {what} ({name})", **detail)
    if status in (401, 403):
        return PermissionMissing(
            f"{what} is not permitted by Exchange",
            remedy=f"Grant the application {PERMISSION}, and have the client's Exchange administrator run m365-exchange.ps1 of "
            "`tenantry connect m365 T -o DIR`: a role group with what is needed and no more.",
            needs=PERMISSION,
            **detail,
        )
    if names.keys() & _NOT_FOUND or (status == 404 and not name):
        return TargetNotFound(f"{what}: not found at Exchange ({name or 'no code'})", **detail)
    return Rejected(f"Exchange refused {what} with {status} ({name or 'no code'})", **detail)


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

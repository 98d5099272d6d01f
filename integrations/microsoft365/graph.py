"""Microsoft Graph: single objects, lists page by page, writes; plain JSON, because parsing with the SDK's models costs a hundred
times as much. What is asked at the same moment travels as one ``$batch`` (:mod:`integrations.microsoft365.gathering`).

Sources (learn.microsoft.com/graph):
    /errors                  ``{"error": {code, message, innerError}}``
    /paging                  ``@odata.nextLink`` is opaque and followed as it is
    /json-batching           at most 20 requests, answered in any order, each throttled alone, outer 200 proves nothing
    /throttling              429 with ``Retry-After``; identity protection gives none

Pinned: a next link that leaves the configured service raises OutOfScope before any token is sent to it.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from integrations.http import Answer, Authorizer, Http, retry_after
from integrations.microsoft365.gathering import BatchItem, Gathering
from integrations.microsoft365.sdk import Prepared
from tenantry import deadline, waits
from tenantry.errors import (
    InDoubt,
    OutOfScope,
    PermissionMissing,
    ProviderError,
    Rejected,
    TargetNotFound,
    TenantryError,
    Throttled,
    VendorFault,
)

__all__ = ["Graph", "segment"]

_READINGS: Final = 10
"""Of a list that has to be whole: our own removals are over after a few."""
_BATCHED: Final = "v1.0"
"""The version in which requests travel together."""
_PLAIN_HEADERS: Final = frozenset({"accept", "content-type"})
_LICENCE_CODES: Final = frozenset(
    {"AadPremiumLicenseRequired", "Authentication_RequestFromNonPremiumTenantOrB2CTenant"}
)


def segment(value: str) -> str:
    """One path segment: nothing in it can add segments or a query (guests' names hold ``#``, ids may hold ``/``)."""
    return quote(value, safe="@")


class Graph:
    """Graph of one tenant.

    Args:
        http: the tenant's client.
        authorizer: tokens for Graph.
        base_url: without version: ``https://graph.microsoft.com``.
    """

    def __init__(self, http: Http, authorizer: Authorizer, base_url: str) -> None:
        self.http = http
        self._authorizer = authorizer
        self.base_url = base_url.rstrip("/")
        self._pinned = urlsplit(self.base_url)
        self._gathering = Gathering(self._post_batch)

    async def get(
        self, path: str, *, needs: str, params: Mapping[str, str] | None = None, version: str = "v1.0"
    ) -> dict[str, Any]:
        """One object. ``needs`` names the application permission for the error.

        Raises:
            TargetNotFound, PermissionMissing, Rejected: what Graph said.
            ProviderError: see :class:`~integrations.http.Http`.
        """
        if version == _BATCHED:
            found = await self._together(BatchItem(_local(path, params), needs))
            if found is not None:
                return found
        return await self._read(self._url(path, params, version), needs)

    async def pages(
        self,
        path: str,
        *,
        needs: str,
        params: Mapping[str, str] | None = None,
        version: str = "v1.0",
        short: bool = False,
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows, a page at a time; only one page is in memory. A list that is usually ``short`` may travel with others."""
        url: str | None = self._url(path, params, version)
        page = await self._together(BatchItem(_local(path, params), needs)) if short and version == _BATCHED else None
        while url is not None:
            if page is None:
                page = await self._read(url, needs)
            rows = page.get("value")
            if not isinstance(rows, list):
                raise VendorFault("graph answered a list without rows", vendor=self.http.vendor)
            yield rows
            url, page = self._next(page.get("@odata.nextLink"), url), None

    async def rows(
        self,
        path: str,
        *,
        needs: str,
        params: Mapping[str, str] | None = None,
        version: str = "v1.0",
        short: bool = False,
    ) -> AsyncIterator[dict[str, Any]]:
        """The rows, one by one; constant memory. ``short`` as for :meth:`pages`."""
        async for page in self.pages(path, needs=needs, params=params, version=version, short=short):
            for row in page:
                yield row

    async def whole(
        self, path: str, *, needs: str, params: Mapping[str, str] | None = None, short: bool = False
    ) -> list[dict[str, Any]]:
        """All rows of a list that is short and of which the absence of a row is believed. Parameters as for :meth:`pages`.

        Of a list in several pages a row may be missed: what stood before it was removed meanwhile, perhaps by ourselves, and a next link that
        counts goes past it. So such a list is read until it comes the same twice: a reading that missed a row has one in it that is gone.

        Raises:
            VendorFault: it changed each time it was read.
        """
        before: list[str] | None = None
        for _ in range(_READINGS):
            pages = [page async for page in self.pages(path, needs=needs, params=params, short=short)]
            rows = [row for page in pages for row in page]
            now = sorted(str(row.get("id")) for row in rows)
            if len(pages) <= 1 or now == before:
                return rows
            before = now
        raise VendorFault("graph's list changed each time it was read", vendor=self.http.vendor)

    async def ask(self, path: str, body: Any, *, needs: str, attempts: int | None = None) -> dict[str, Any]:
        """A question that is sent as POST and changes nothing at the tenant."""
        answer = await self.http.read(
            "POST",
            self._url(path, None, "v1.0"),
            content=json.dumps(body).encode(),
            authorizer=self._authorizer,
            dialect=_Dialect(needs),
            attempts=attempts,
        )
        return self._object(answer)

    async def send(self, prepared: Prepared, *, needs: str) -> Any:
        """A write that the SDK has built; returns the parsed answer, None when it was empty.

        Raises:
            InDoubt: it may have been done.
            ProviderError: it was not done.
        """
        self._own(prepared.url)
        item = self._item(prepared, needs)
        found = await self._together(item, write=True) if item is not None else None
        if found is not None:
            return found or None
        answer = await self.http.write(
            prepared.method,
            prepared.url,
            headers=prepared.headers,
            content=prepared.content,
            authorizer=self._authorizer,
            dialect=_Dialect(needs),
        )
        return answer.data

    async def _read(self, url: str, needs: str) -> dict[str, Any]:
        answer = await self.http.read("GET", url, authorizer=self._authorizer, dialect=_Dialect(needs))
        return self._object(answer)

    async def _together(self, item: BatchItem, *, write: bool = False) -> dict[str, Any] | None:
        """The item's answer out of a batch; None when it has to be sent alone, after the wait that the vendor asked for."""
        found = await self._gathering.ask(item, write=write)
        if isinstance(found, Throttled | VendorFault):  # a write's fault is InDoubt
            asked = found.retry_after if isinstance(found, Throttled) else None
            wait = (self.http.limits.first_wait if asked is None else asked) * random.uniform(1.0, 1.2)  # noqa: S311  # jitter
            left = deadline.remaining()
            if wait > self.http.limits.budget or (left is not None and wait >= left):
                raise found
            if isinstance(found, Throttled):
                waits.asked(self.http.vendor, f"{item.method} {item.path.partition('?')[0]}", wait)
            await self.http.pause(wait)
            return None
        if isinstance(found, TenantryError):
            raise found
        return found

    async def _post_batch(self, items: Sequence[BatchItem], write: bool) -> list[dict[str, Any] | TenantryError]:
        """One batch, sent once. An item that is missing from the answer of a write, or ended with 5xx, is InDoubt."""
        requests = []
        for at, item in enumerate(items):
            request: dict[str, Any] = {"id": str(at), "method": item.method, "url": item.path}
            if item.json is not None:
                request["headers"] = {"Content-Type": "application/json"}
                request["body"] = item.json
            requests.append(request)
        answer = await (self.http.write if write else self.http.read)(
            "POST",
            self._url("/$batch", None, _BATCHED),
            content=json.dumps({"requests": requests}).encode(),
            authorizer=self._authorizer,
            dialect=_Dialect(" ".join(sorted({item.needs for item in items}))),
            what=f"POST $batch of {len(items)}",
        )
        responses = answer.data.get("responses") if isinstance(answer.data, dict) else None
        found = {
            str(one.get("id")): one
            for one in (responses if isinstance(responses, list) else ())
            if isinstance(one, dict)
        }
        return [_item_result(found.get(str(at)), item, write) for at, item in enumerate(items)]

    def _item(self, prepared: Prepared, needs: str) -> BatchItem | None:
        """The write as a batch's item; None for one that says more in its headers than an item can."""
        root = f"{self.base_url}/{_BATCHED}"
        if not prepared.url.startswith(f"{root}/") or {name.lower() for name in prepared.headers} - _PLAIN_HEADERS:
            return None
        body = json.loads(prepared.content) if prepared.content else None
        return BatchItem(prepared.url.removeprefix(root), needs, prepared.method, body)

    def _url(self, path: str, params: Mapping[str, str] | None, version: str) -> str:
        return f"{self.base_url}/{version}{_local(path, params)}"

    def _object(self, answer: Answer) -> dict[str, Any]:
        if not isinstance(answer.data, dict):
            raise VendorFault("graph answered something that is no object", vendor=self.http.vendor, **answer.ids)
        return answer.data

    def _next(self, link: Any, current: str) -> str | None:
        if link is None:
            return None
        if not isinstance(link, str) or link == current:
            raise VendorFault("graph gave a next page that leads nowhere", vendor=self.http.vendor)
        self._own(link)
        return link

    def _own(self, url: str) -> None:
        """The token goes to the configured service only."""
        found = urlsplit(url)
        same = (found.scheme, found.netloc.lower()) == (self._pinned.scheme, self._pinned.netloc.lower())
        if not same or not found.path.startswith(self._pinned.path + "/") or "/.." in found.path:
            raise OutOfScope("a link leads outside the tenant's own Graph address", vendor=self.http.vendor)


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Graph's 4xx answers."""

    needs: str

    def __call__(self, answer: Answer, what: str) -> TenantryError:
        return self.error(answer.status, answer.json(), what, answer.ids)

    def error(self, status: int, body: Any, what: str, ids: Mapping[str, str]) -> ProviderError:
        """The error for a status and Graph's error object."""
        found = body.get("error") if isinstance(body, dict) else None
        code = str(found.get("code", "")) if isinstance(found, dict) else ""
        detail: dict[str, Any] = {"vendor": "microsoft365", "status": status, "vendor_code": code, **ids}
        if status in (400, 403) and code in _LICENCE_CODES:
            return PermissionMissing(
                f"{what} needs a licence that the tenant does not have ({code})",
                remedy="Sign-in and audit reports need Microsoft Entra ID P1 in the tenant, risk and Privileged Identity "
                "Management P2.",
                **detail,
            )
        if status == 403:
            return PermissionMissing(
                f"{what} is not permitted ({code or 'no code'}); it needs {self.needs}",
                remedy=f"Grant the application {self.needs} with admin consent; acting on administrators also needs "
                "a directory role on the application.",
                needs=self.needs,
                **detail,
            )
        if status == 401:
            return PermissionMissing(f"{what}: Graph does not accept the token ({code})", needs=self.needs, **detail)
        if status == 404:
            return TargetNotFound(f"{what}: not found ({code or 'no code'})", **detail)
        return Rejected(f"Graph refused {what} with {status} ({code or 'no code'})", **detail)


def _local(path: str, params: Mapping[str, str] | None) -> str:
    """Path and query, relative to the version."""
    return f"{path}?{_query(tuple(params.items()))}" if params else path


@functools.lru_cache(maxsize=256)
def _query(params: tuple[tuple[str, str], ...]) -> str:
    """Most requests differ in their path alone."""
    return urlencode(params, quote_via=quote, safe="$,:")


def _item_result(found: dict[str, Any] | None, item: BatchItem, write: bool) -> dict[str, Any] | TenantryError:
    what = f"{item.method} /{_BATCHED}{item.path.partition('?')[0]}"
    status = found.get("status") if found is not None else None
    if found is None or not isinstance(status, int):
        return _lost(f"no answer in the batch for {what}", write)
    body = found.get("body")
    if 200 <= status < 300:
        if isinstance(body, dict):
            return body
        return {} if write else _lost(f"something that is no object in the batch for {what}", write)
    given = found.get("headers")
    headers = {str(name).lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    wait = retry_after(headers)
    if status == 429 or (status == 503 and wait is not None):
        return Throttled(f"Graph throttles {what}", retry_after=wait, vendor="microsoft365", status=status)
    if status >= 500 or status < 400 or status == 408:
        return _lost(f"Graph answered {status} to {what}", write, status=status)
    ids = {"request_id": headers["request-id"]} if "request-id" in headers else {}
    return _Dialect(item.needs).error(status, body, what, ids)


def _lost(message: str, write: bool, **detail: Any) -> TenantryError:
    if write:
        return InDoubt(f"{message}; it may have been done", vendor="microsoft365", **detail)
    return VendorFault(message, vendor="microsoft365", **detail)

"""Microsoft Graph: single objects, lists page by page, ``$batch``; plain JSON, because parsing with the SDK's models costs
a hundred times as much.

Sources (learn.microsoft.com/graph):
    /errors                  ``{"error": {code, message, innerError}}``
    /paging                  ``@odata.nextLink`` is opaque and followed as it is
    /json-batching           at most 20 requests, answered in any order, each throttled alone, outer 200 proves nothing
    /throttling              429 with ``Retry-After``; identity protection gives none

Pinned: a next link that leaves the configured service raises OutOfScope before any token is sent to it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from integrations.http import Answer, Authorizer, Http, retry_after
from integrations.microsoft365.sdk import Prepared
from tenantry import waits
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

__all__ = ["BATCH_SIZE", "BatchItem", "Graph", "segment"]

BATCH_SIZE: Final = 20
_LICENCE_CODES: Final = frozenset({"Authentication_RequestFromNonPremiumTenantOrB2CTenant"})


def segment(value: str) -> str:
    """One path segment: nothing in it can add segments or a query (guests' names hold ``#``, ids may hold ``/``)."""
    return quote(value, safe="@")


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One request of a batch.

    Attributes:
        path: relative to the version, with its query, already quoted: ``/users/…?$select=id``.
        method: HTTP method.
        json: body, for writes.
    """

    path: str
    method: str = "GET"
    json: Any = None


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

    async def get(
        self, path: str, *, needs: str, params: Mapping[str, str] | None = None, version: str = "v1.0"
    ) -> dict[str, Any]:
        """One object. ``needs`` names the application permission for the error.

        Raises:
            TargetNotFound, PermissionMissing, Rejected: what Graph said.
            ProviderError: see :class:`~integrations.http.Http`.
        """
        answer = await self.http.read(
            "GET", self._url(path, params, version), authorizer=self._authorizer, dialect=_Dialect(needs)
        )
        return self._object(answer)

    async def pages(
        self, path: str, *, needs: str, params: Mapping[str, str] | None = None, version: str = "v1.0"
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The rows, a page at a time; only one page is in memory."""
        url: str | None = self._url(path, params, version)
        dialect = _Dialect(needs)
        while url is not None:
            answer = await self.http.read("GET", url, authorizer=self._authorizer, dialect=dialect)
            page = self._object(answer)
            rows = page.get("value")
            if not isinstance(rows, list):
                raise VendorFault("graph answered a list without rows", vendor=self.http.vendor, **answer.ids)
            yield rows
            url = self._next(page.get("@odata.nextLink"), url)

    async def rows(
        self, path: str, *, needs: str, params: Mapping[str, str] | None = None, version: str = "v1.0"
    ) -> AsyncIterator[dict[str, Any]]:
        """The rows, one by one; constant memory."""
        async for page in self.pages(path, needs=needs, params=params, version=version):
            for row in page:
                yield row

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
        answer = await self.http.write(
            prepared.method,
            prepared.url,
            headers=prepared.headers,
            content=prepared.content,
            authorizer=self._authorizer,
            dialect=_Dialect(needs),
        )
        return answer.data

    async def batch(
        self, items: Sequence[BatchItem], *, needs: str, write: bool = False
    ) -> list[dict[str, Any] | TenantryError]:
        """Many small requests, twenty at a time: for each item, in order, its answer or its error.

        Items that the vendor throttled or (reads only) failed are sent again, alone; nobody else's are. For writes an item
        that is missing from the answer, or ended with 5xx, is InDoubt, and so is each item of a batch without an answer.
        """
        chunks = [items[at : at + BATCH_SIZE] for at in range(0, len(items), BATCH_SIZE)]
        done = await asyncio.gather(*(self._batch(chunk, needs, write) for chunk in chunks))
        return [answer for chunk in done for answer in chunk]

    async def _batch(self, items: Sequence[BatchItem], needs: str, write: bool) -> list[dict[str, Any] | TenantryError]:
        dialect = _Dialect(needs)
        results: dict[int, dict[str, Any] | TenantryError] = {}
        waiting = list(range(len(items)))
        waited = 0.0
        limits = self.http.limits
        for attempt in range(1, limits.attempts + 1):
            try:
                answers = await self._post_batch(items, waiting, needs, write)
            except ProviderError as exc:  # the other batches' answers are still worth having
                results.update(dict.fromkeys(waiting, exc))
                break
            again: list[int] = []
            longest = 0.0
            for at in waiting:
                result = _item_result(answers.get(str(at)), dialect, items[at], write)
                results[at] = result
                if isinstance(result, Throttled | VendorFault):  # a write's fault is InDoubt
                    again.append(at)
                    asked = result.retry_after if isinstance(result, Throttled) else None
                    longest = max(longest, limits.first_wait * 2.0 ** (attempt - 1) if asked is None else asked)
            waiting = again
            if not waiting or attempt == limits.attempts or waited + longest > limits.budget:
                break
            waited += longest
            if any(isinstance(results[at], Throttled) for at in waiting):
                waits.asked(self.http.vendor, "a part of a batch", longest)
            await self.http.pause(longest)
        return [results[at] for at in range(len(items))]

    async def _post_batch(
        self, items: Sequence[BatchItem], indexes: Sequence[int], needs: str, write: bool
    ) -> dict[str, dict[str, Any]]:
        requests = []
        for at in indexes:
            item = items[at]
            request: dict[str, Any] = {"id": str(at), "method": item.method, "url": item.path}
            if item.json is not None:
                request["headers"] = {"Content-Type": "application/json"}
                request["body"] = item.json
            requests.append(request)
        content = json.dumps({"requests": requests}).encode()
        url = self._url("/$batch", None, "v1.0")
        dialect = _Dialect(needs)
        if write:
            answer = await self.http.write(
                "POST", url, content=content, authorizer=self._authorizer, dialect=dialect, what="POST $batch"
            )
        else:
            answer = await self.http.read(
                "POST", url, content=content, authorizer=self._authorizer, dialect=dialect, what="POST $batch"
            )
        responses = answer.data.get("responses") if isinstance(answer.data, dict) else None
        if not isinstance(responses, list):
            return {}
        return {str(found.get("id")): found for found in responses if isinstance(found, dict)}

    def _url(self, path: str, params: Mapping[str, str] | None, version: str) -> str:
        query = f"?{urlencode(params, quote_via=quote, safe='$,:')}" if params else ""
        return f"{self.base_url}/{version}{path}{query}"

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
        if status == 403 and code in _LICENCE_CODES:
            return PermissionMissing(
                f"{what} needs a licence that the tenant does not have ({code})",
                remedy="Sign-in and audit reports need Microsoft Entra ID P1 in the tenant.",
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


def _item_result(
    found: dict[str, Any] | None, dialect: _Dialect, item: BatchItem, write: bool
) -> dict[str, Any] | TenantryError:
    what = f"{item.method} {item.path.partition('?')[0]}"
    status = found.get("status") if found is not None else None
    if found is None or not isinstance(status, int):
        return _lost(f"no answer in the batch for {what}", write)
    body = found.get("body")
    if 200 <= status < 300:
        return body if isinstance(body, dict) else {}
    given = found.get("headers")
    headers = {str(name).lower(): str(value) for name, value in given.items()} if isinstance(given, dict) else {}
    wait = retry_after(headers)
    if status == 429 or (status == 503 and wait is not None):
        return Throttled(f"Graph throttles {what}", retry_after=wait, vendor="microsoft365", status=status)
    if status >= 500 or status < 400 or status == 408:
        return _lost(f"Graph answered {status} to {what}", write, status=status)
    return dialect.error(status, body, what, {})


def _lost(message: str, write: bool, **detail: Any) -> TenantryError:
    if write:
        return InDoubt(f"{message}; it may have been done", vendor="microsoft365", **detail)
    return VendorFault(message, vendor="microsoft365", **detail)

"""One call to Graph: what a handler is given, and the refusals that it may give."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from integrations.lab.odata import Filter, FilterSyntax, FilterUnsupported, parse_filter
from integrations.lab.records import Record
from integrations.lab.state import Person, Tenant
from integrations.lab.web import Answer, Refusal, Request

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

Row = Mapping[str, Any]


def refusal(status: int, code: str, message: str) -> Refusal:
    """A refusal in Graph's form; the innerError is added where the answer leaves."""
    return Refusal(Answer(status, {"error": {"code": code, "message": message}}), code)


def bad_request(message: str, code: str = "Request_BadRequest") -> Refusal:
    """400."""
    return refusal(400, code, message)


def not_found(what: str, code: str = "Request_ResourceNotFound") -> Refusal:
    """404 for an object that does not exist."""
    return refusal(
        404,
        code,
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
    )


@dataclass(slots=True)
class Call:
    """A request to Graph that was admitted: signed in, permitted, its query options known."""

    lab: Lab
    request: Request
    params: dict[str, str]
    caller: str
    now: float
    version: str
    shrink: bool = False
    """Answer with fewer rows than asked for and a next link (a fault that is also ordinary behaviour)."""
    roles: frozenset[str] = frozenset()
    """Of the token."""

    @property
    def tenant(self) -> Tenant:
        """The state."""
        return self.lab.tenant

    @property
    def root(self) -> str:
        """The address of this version of the API."""
        return f"{self.request.base}/graph/{self.version}"

    # --- what was asked -----------------------------------------------------------------------------------------------

    def option(self, name: str) -> str | None:
        """A query option; OData's names are case-insensitive."""
        return self.request.query.get(name)

    def json(self, allowed: Mapping[str, type | tuple[type, ...]], required: Iterable[str] = ()) -> dict[str, Any]:
        """The body, checked: an object with known properties of the right types.

        Args:
            allowed: property → type of its value; a tuple with ``NoneType`` allows null. ``int`` does not take booleans.
            required: names that must be there.

        Raises:
            Refusal: 400 otherwise.
        """
        if self.request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise bad_request("A Content-Type of application/json is required.")
        try:
            body = json.loads(self.request.body)
        except ValueError:
            raise bad_request("Unable to read JSON request payload.") from None
        if not isinstance(body, dict):
            raise bad_request("Unable to read JSON request payload: an object is expected.")
        for name, value in body.items():
            if name.startswith("@odata."):
                continue
            kinds = allowed.get(name)
            if kinds is None:
                raise bad_request(f"Invalid property '{name}'.")
            if not isinstance(value, kinds) or (isinstance(value, bool) and not _takes_bool(kinds)):
                raise bad_request(f"Invalid value specified for property '{name}'.")
        for name in required:
            if name not in body:
                raise bad_request(f"A value is required for property '{name}'.")
        return body

    def no_body(self) -> None:
        """The action takes no parameters: the body is empty or an empty object."""
        if self.request.body.strip() not in (b"", b"{}"):
            raise bad_request("The request body must be empty.")

    def filter(self, allowed: Mapping[str, Iterable[str]], known: Iterable[str]) -> Filter | None:
        """``$filter``, parsed and checked against what the resource supports."""
        text = self.option("$filter")
        if text is None:
            return None
        try:
            return parse_filter(text, allowed, known)
        except FilterSyntax as error:
            raise bad_request(f"Invalid filter clause: {error.message}") from None
        except FilterUnsupported as error:
            if error.unknown:
                raise bad_request(f"Could not find a property named in the filter: {error.message}.") from None
            raise bad_request(f"Unsupported Query: {error.message}.", "Request_UnsupportedQuery") from None

    def select(self, known: frozenset[str]) -> list[str] | None:
        """``$select`` as names; None when it was not given.

        Raises:
            Refusal: 400 for a property that the type does not have.
        """
        text = self.option("$select")
        if text is None:
            return None
        names = [name.strip() for name in text.split(",") if name.strip()]
        for name in names:
            if name not in known:
                raise bad_request(f"Could not find a property named '{name}'.")
        return names

    def top(self, default: int, maximum: int) -> int:
        """``$top``: how many rows a page has."""
        text = self.option("$top")
        if text is None:
            return default
        if not text.isdecimal() or not 1 <= int(text) <= maximum:
            raise bad_request(f"Invalid page size specified: '{text}'. Must be between 1 and {maximum} inclusive.")
        return int(text)

    # --- whom it is about ---------------------------------------------------------------------------------------------

    def user_index(self, code: str = "Request_ResourceNotFound") -> int:
        """The index of the user named in the path."""
        key = self.params["user"]
        index = self.tenant.directory.resolve(key)
        if index is None:
            raise not_found(key, code)
        return index

    def user(self) -> Record:
        """The user named in the path, to be read."""
        return self.tenant.directory.peek(self.user_index())

    def person(self) -> Person:
        """Methods and devices of the user named in the path."""
        return self.tenant.person(self.user_index())

    # --- answers ------------------------------------------------------------------------------------------------------

    def wrote(self, target: str, before: Any, after: Any, action: str = "") -> None:
        """Put an accepted write into the audit."""
        method = f"{self.request.method} {action}" if action else self.request.method
        self.lab.wrote("graph", method, target, before, after, self.caller)

    def one(self, entity: str, payload: Mapping[str, Any]) -> Answer:
        """A single object."""
        return Answer(200, {"@odata.context": f"{self.root}/$metadata#{entity}", **payload})

    def page(
        self,
        entity: str,
        rows: Sequence[Any],
        shape: Callable[[Any], Mapping[str, Any]],
        *,
        default: int = 100,
        maximum: int = 999,
    ) -> Answer:
        """One page of ``rows``, from where the skip token says, and a link to the next one.

        The token names the last row of the page before, so that rows deleted in between make no gap; unless that row is deleted itself: then
        it counts, as some services always do, and a row may be missed.
        """
        size = self.top(default, maximum)
        at = self._skip()
        if token := self.read_token():
            at = next(
                (place + 1 for place, row in enumerate(rows) if _key(row) == token.get("k")), int(token.get("n", 0))
            )
        if self.shrink:
            size = max(1, min(size, len(rows) - at) // 2)
        chosen = rows[at : at + size]
        payload: dict[str, Any] = {"@odata.context": f"{self.root}/$metadata#{entity}"}
        if self.option("$count") == "true":
            payload["@odata.count"] = len(rows)
        if at + size < len(rows):
            payload["@odata.nextLink"] = self.next_link({"k": _key(chosen[-1]), "n": at + size})
        payload["value"] = [shape(row) for row in chosen]
        return Answer(200, payload)

    def _skip(self) -> int:
        text = self.option("$skip") or "0"
        if not text.isdecimal():
            raise bad_request(f"Invalid value '{text}' for $skip.")
        return int(text)

    def next_link(self, token: Mapping[str, Any]) -> str:
        """The address of the next page."""
        query = {name: value for name, value in self.request.query.items() if name != "$skiptoken"}
        text = json.dumps(token, separators=(",", ":")).encode()
        query["$skiptoken"] = base64.urlsafe_b64encode(self._seal(text) + text).rstrip(b"=").decode()
        listed = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{self.request.base}{quote(self.request.path)}?{listed}"

    def read_token(self) -> dict[str, Any] | None:
        """What the skip token holds; 400 for one that was not issued for this very query."""
        text = self.option("$skiptoken")
        if text is None:
            return None
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            if raw[:6] != self._seal(raw[6:]):
                raise bad_request("The skip token is not valid.", "Directory_ExpiredPageToken")
            found: dict[str, Any] = json.loads(raw[6:])
        except ValueError:
            raise bad_request("The skip token is not valid.", "Directory_ExpiredPageToken") from None
        return found

    def _seal(self, text: bytes) -> bytes:
        bound = f"{self.request.path}\n{self.option('$filter')}\n{self.option('$orderby')}".encode()
        return blake2b(bound + text, key=self.lab.page_key, digest_size=6).digest()


def _takes_bool(kinds: type | tuple[type, ...]) -> bool:
    return kinds is bool or (isinstance(kinds, tuple) and bool in kinds)


def _key(row: Any) -> Any:
    return row.id if isinstance(row, Record) else row["id"]


def pick(row: Row, names: Sequence[str]) -> dict[str, Any]:
    """The named properties; one that has no value is null, as in Graph."""
    return {name: row.get(name) for name in names}

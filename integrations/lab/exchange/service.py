"""The front of Exchange: signs in, checks the anchor and the parameters, pages, batches.

The API is not documented; sources are what public clients send and were answered. A refusal for want of rights (or of such a cmdlet) is a 403 whose body says
nothing: it is declared gzip and is empty or NUL bytes.
"""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from integrations.lab.clock import iso
from integrations.lab.exchange import organization, presence  # noqa: F401  # declare their cmdlets
from integrations.lab.exchange.cmdlets import cmdlets
from integrations.lab.exchange.command import Cmdlet, Command, Row, invalid
from integrations.lab.misbehave import throttled, vendor_error
from integrations.lab.tokens import EXCHANGE, Token
from integrations.lab.web import Answer, Refusal, Request, written

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

_PATH = re.compile(r"/exchange/adminapi/(beta|v1\.0|v2\.0)/([^/]+)/(InvokeCommand|\$batch)/?", re.IGNORECASE)
_SYSTEM_ANCHOR = re.compile(r"APP:SystemMailbox\{[0-9a-f-]{36}\}@(?P<tenant>.+)", re.IGNORECASE)
_USER_ANCHOR = re.compile(r"UPN:[^@\s]+@[^@\s]+", re.IGNORECASE)
_PAGE_SIZE = re.compile(r"odata\.maxpagesize\s*=\s*(\d+)")
_READ_ONLY_ROLES = frozenset({"Global Reader", "View-Only Organization Management", "Security Reader"})
_SESSIONS = 8
_WRITING_ROLES = frozenset({"Exchange Administrator", "Global Administrator"})


class ExchangeService:
    """Exchange Online of one tenant."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._sessions: dict[bytes, list[Row]] = {}
        """Lists of which further pages may be asked for: a next link belongs to what the server found at first."""

    @staticmethod
    def cmdlet_of(request: Request) -> str | None:
        """The cmdlet that a request calls, as far as it can be told (for faults that are meant for one)."""
        try:
            name = orjson.loads(request.body)["CmdletInput"]["CmdletName"]
        except (ValueError, KeyError, TypeError):
            return None
        return name if isinstance(name, str) else None

    def answer(self, request: Request, *, shrink: bool = False) -> Answer:
        """Answer a request whose path begins with ``/exchange/``."""
        try:
            match = self._address(request)
            token = self._sign_in(request)
            if match[3].lower() == "$batch":
                found = self._batch(request, token)
            else:
                found = self._invoke(request, token, shrink=shrink)
        except Refusal as refused:
            found = refused.answer
        return self._finish(request, found)

    def _address(self, request: Request) -> re.Match[str]:
        match = _PATH.fullmatch(request.path)
        if match is None:
            raise Refusal(Answer(404, raw=b""), "no such address")
        if match[1].lower() != "beta" or request.method != "POST":
            raise Refusal(Answer(405, raw=b""), "not allowed")
        if match[2].lower() != self._lab.tenant_id:
            raise Refusal(Answer(403, raw=b"", headers={"Content-Encoding": "gzip"}), "another tenant")
        return match

    def _sign_in(self, request: Request) -> Token:
        token = self._lab.tokens.look_up(request)
        if token is None or token.expires_at <= self._lab.now().timestamp() or token.audience != EXCHANGE:
            reason = "invalid_token" if token else "missing_token"
            raise Refusal(
                Answer(401, raw=b"", headers={"WWW-Authenticate": f'Bearer client_id="{EXCHANGE}", error="{reason}"'}),
                "not signed in",
            )
        return token

    def _invoke(self, request: Request, token: Token, *, shrink: bool = False) -> Answer:
        lab = self._lab
        cmdlet, args = self._read(request)
        if not self._may(cmdlet, token):
            raise Refusal(Answer(403, raw=b"\x00" * 20, headers={"Content-Encoding": "gzip"}), "not permitted")
        self._check_anchor(cmdlet, request)
        _check_arguments(cmdlet, args)
        command = Command(lab, request, cmdlet.name, args, f"app:{token.app_id}", lab.now().timestamp())
        rows = self._sessions.get(request.body) if "$skiptoken" in request.query else None
        if rows is None:
            rows = cmdlet.handler(command)
        return self._page(request, cmdlet, command, rows, shrink=shrink)

    def _read(self, request: Request) -> tuple[Cmdlet, dict[str, Any]]:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(Answer(415, raw=b""), "not JSON")
        try:
            body = orjson.loads(request.body)
        except ValueError:
            raise invalid("The body is not JSON.") from None
        inner = body.get("CmdletInput") if isinstance(body, dict) else None
        if not isinstance(inner, dict) or set(body) != {"CmdletInput"} or set(inner) - {"CmdletName", "Parameters"}:
            raise invalid("The body has the form {CmdletInput: {CmdletName, Parameters}}.")
        name, parameters = inner.get("CmdletName"), inner.get("Parameters", {})
        if not isinstance(name, str) or not isinstance(parameters, dict):
            raise invalid("CmdletName is a text, Parameters an object.")
        cmdlet = cmdlets.all.get(name.lower())
        if cmdlet is None:
            raise Refusal(Answer(403, raw=b"", headers={"Content-Encoding": "gzip"}), "no such cmdlet")
        return cmdlet, {key.lower(): value for key, value in parameters.items()}

    def _may(self, cmdlet: Cmdlet, token: Token) -> bool:
        roles = self._lab.exchange_admin_roles
        if "Exchange.ManageAsApp" not in token.roles:
            return False
        if roles & _WRITING_ROLES:
            return True
        # Get-InboxRule fails even for those who may read everything else.
        return bool(roles & _READ_ONLY_ROLES) and not cmdlet.writes and cmdlet.name != "Get-InboxRule"

    def _check_anchor(self, cmdlet: Cmdlet, request: Request) -> None:
        anchor = request.headers.get("x-anchormailbox", "")
        system = _SYSTEM_ANCHOR.fullmatch(anchor)
        if (
            anchor
            and not _USER_ANCHOR.fullmatch(anchor)
            and not (system and system["tenant"].lower() == self._lab.tenant_id)
        ):
            raise invalid("The X-AnchorMailbox header is malformed.", "Microsoft.Exchange.Diagnostics.AnchorException")
        if cmdlet.mailbox and not anchor:
            raise invalid("The X-AnchorMailbox header is missing.", "Microsoft.Exchange.Diagnostics.AnchorException")

    def _page(self, request: Request, cmdlet: Cmdlet, command: Command, rows: list[Row], *, shrink: bool) -> Answer:
        size, most = self._sizes(request, cmdlet, command, len(rows))
        rows = rows[:most]
        at = self._start(request)
        if shrink:
            size = max(1, min(size, len(rows) - at) // 2)
        selected = [name.strip() for name in request.query.get("$select", "").split(",") if name.strip()]
        chosen = rows[at : at + size]
        payload: dict[str, Any] = {
            "@odata.context": f"{request.base}{request.path.rpartition('/')[0]}/$metadata#Collection(Exchange.GenericHashTable)",
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": command.warnings,
            "value": [{name: row[name] for name in selected if name in row} for row in chosen] if selected else chosen,
        }
        if at + size < len(rows):
            mark = str(at + size).encode()
            token = base64.urlsafe_b64encode(self._seal(request.body, mark) + mark).rstrip(b"=").decode()
            self._remember(request.body, rows)
            payload["@odata.nextLink"] = f"{request.base}{request.path}?%24skiptoken={token}"
        return Answer(200, payload)

    def _remember(self, body: bytes, rows: list[Row]) -> None:
        self._sessions.pop(body, None)
        self._sessions[body] = rows
        while len(self._sessions) > _SESSIONS:
            del self._sessions[next(iter(self._sessions))]

    def _sizes(self, request: Request, cmdlet: Cmdlet, command: Command, count: int) -> tuple[int, int]:
        """How many rows a page has, and how many there are in all."""
        limit = re.search(_PAGE_SIZE, request.headers.get("prefer", ""))
        size = max(1, min(int(limit[1]), 1000)) if limit else 1000
        if cmdlet.writes or cmdlet.name == "Get-MessageTraceV2":
            return size, count
        wanted = command.arg("ResultSize")
        if wanted is None:
            if self._lab.faults.plan.single_item_pages and count > 1:
                command.warnings.append("By default, only the first items are returned. Use the ResultSize parameter.")
                return 1, count
            return size, 1000
        if isinstance(wanted, str) and wanted.lower() == "unlimited":
            return size, count
        if isinstance(wanted, str) and wanted.isdecimal():
            wanted = int(wanted)
        if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
            raise invalid("Cannot bind parameter 'ResultSize'.")
        return size, wanted

    def _start(self, request: Request) -> int:
        text = request.query.get("$skiptoken")
        if text is None:
            return 0
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except ValueError:
            raise invalid("The skip token is not valid.") from None
        if raw[:6] != self._seal(request.body, raw[6:]):
            raise invalid("The skip token belongs to another command.")
        return int(raw[6:])

    def _seal(self, body: bytes, mark: bytes) -> bytes:
        return blake2b(body + mark, key=self._lab.page_key, digest_size=6).digest()

    def _finish(self, request: Request, answer: Answer) -> Answer:
        answer.headers.setdefault("Request-Id", self._lab.dice.guid("exchange request", request.ordinal))
        if answer.status == 200:
            answer.headers.setdefault("Rate-Limit-Limit", "30000")
            answer.headers.setdefault("Rate-Limit-Remaining", "29990")
            answer.headers.setdefault("Rate-Limit-Reset", iso(self._lab.now() + timedelta(minutes=5)))
        return answer

    # --- batches ------------------------------------------------------------------------------------------------------

    def _batch(self, request: Request, token: Token) -> Answer:
        try:
            body = orjson.loads(request.body)
        except ValueError:
            raise invalid("The body is not JSON.") from None
        items = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(items, list) or not 1 <= len(items) <= 10:
            raise invalid("A batch holds 1 to 10 requests.")
        go_on = "odata.continue-on-error" in request.headers.get("prefer", "")
        responses: list[dict[str, Any]] = []
        for number, item in enumerate(items):
            if not isinstance(item, dict) or not {"id", "method", "url", "body"} <= set(item):
                raise invalid("An item of a batch has id, method, url, headers and body.")
            answer = self._item(request, token, item, number)
            responses.append(
                {"id": item["id"], "status": answer.status, "headers": answer.headers, "body": answer.payload}
            )
            if answer.status >= 400 and not go_on:
                break
        return Answer(200, {"responses": responses})

    def _item(self, request: Request, token: Token, item: dict[str, Any], number: int) -> Answer:
        parts = urlsplit(str(item["url"]))
        headers = {str(name).lower(): str(value) for name, value in (item.get("headers") or {}).items()}
        inner = Request(
            str(item["method"]).upper(),
            parts.path[parts.path.find("/exchange/") :] if "/exchange/" in parts.path else parts.path,
            dict(parse_qsl(parts.query)),
            {"content-type": "application/json", **headers},
            written(item["body"]),
            request.base,
            f"{request.ordinal}.{number}",
        )
        decision = self._lab.faults.decide(inner.ordinal, inner.method, inner.path, self.cmdlet_of(inner), part="item")
        if decision.kind == "throttle":
            return self._finish(
                inner, throttled("exchange", self._lab, decision.style or "seconds", decision.retry_after_s)
            )
        if decision.kind == "error":
            return self._finish(inner, vendor_error("exchange", decision.status or 503, "json"))
        try:
            self._address(inner)
            return self._finish(inner, self._invoke(inner, token))
        except Refusal as refused:
            return self._finish(inner, refused.answer)


def _check_arguments(cmdlet: Cmdlet, args: dict[str, Any]) -> None:
    for name, value in args.items():
        if name == "erroraction" or name.endswith(("@odata.type", "@data.type")):
            continue
        kind = cmdlet.params.get(name)
        if kind is None:
            raise invalid(f"A parameter cannot be found that matches parameter name '{name}'.")
        if value is None:
            if name not in cmdlet.nullable:
                raise invalid(f"Cannot bind argument to parameter '{name}' because it is null.")
        elif not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
            raise invalid(f"Cannot bind parameter '{name}': {kind.__name__} is expected.")
    lacking = cmdlet.required - set(args)
    if lacking:
        raise invalid(f"Missing an argument for parameter '{min(lacking)}'.")

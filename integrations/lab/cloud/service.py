"""``/cloud/<capability>/<method>``: the stand-in account over HTTP."""

from __future__ import annotations

import hmac
import json
from collections.abc import AsyncIterator, Coroutine
from typing import TYPE_CHECKING, Any, Final

from integrations.lab.cloud.backups import LabBackup
from integrations.lab.cloud.detections import LabFindings
from integrations.lab.cloud.dns import LabDns
from integrations.lab.cloud.identity import LabIdentity
from integrations.lab.cloud.logs import LabLogs
from integrations.lab.cloud.machines import LabMachines
from integrations.lab.cloud.made import LabMade
from integrations.lab.cloud.storage import LabStorage
from integrations.lab.cloud.wire import Method, decode, encode, methods
from integrations.lab.web import Answer, Request
from tenantry.errors import OutOfScope, PermissionMissing, Rejected, TargetNotFound, TenantryError

if TYPE_CHECKING:
    from integrations.lab.cloud.account import CloudAccount
    from integrations.lab.lab import Lab

__all__ = ["CloudService", "implementations"]

_PAGE: Final = 50
_STATUS: Final[dict[type[TenantryError], int]] = {
    TargetNotFound: 404,
    PermissionMissing: 403,
    OutOfScope: 403,
    Rejected: 400,
}


def implementations(account: CloudAccount) -> dict[str, Any]:
    """Capability → its implementation over the account."""
    return {
        "cloud_identity": LabIdentity(account),
        "cloud": LabMachines(account),
        "storage": LabStorage(account),
        "dns": LabDns(account),
        "backup": LabBackup(account),
        "cloud_machines": LabMade(account),
        "cloud_logs": LabLogs(account),
        "findings": LabFindings(account),
    }


class CloudService:
    """Answers for the account that the lab has at the moment."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def answer(self, request: Request, *, shrink: bool = False) -> Answer:
        """One call. ``shrink``: a list gives fewer rows and a cursor."""
        if not self._known(request):
            return Answer(401, {"error": {"code": "sign_in_failed"}})
        _, _, capability, name = (*request.path.split("/"), "", "")[:4]
        try:
            method = methods(capability).get(name)
        except KeyError:
            method = None
        if method is None:
            return Answer(404, {"error": {"code": "no_such_method"}})
        if request.method != ("POST" if method.writes else "GET"):
            return Answer(405, {"error": {"code": "method_not_allowed"}})
        if f"{capability}.{name}" in self._lab.cloud_refused:
            return _refusal(PermissionMissing(f"{capability}.{name} is not granted"))
        try:
            arguments = self._arguments(method, request)
        except (ValueError, TypeError, KeyError):
            return Answer(400, {"error": {"code": "rejected", "message": "arguments do not fit"}})
        call = getattr(implementations(self._lab.cloud)[capability], name)
        try:
            if method.streams:
                return self._page(_drained(call(**arguments)), request, shrink=shrink)
            return Answer(200, {"result": encode(_done(call(**arguments)))})
        except TenantryError as error:
            return _refusal(error)

    def _known(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), self._lab.cloud_token.encode())

    def _arguments(self, method: Method, request: Request) -> dict[str, Any]:
        given = json.loads(request.body if method.writes else request.query.get("args", "{}"))
        return {name: decode(method.parameters[name], value) for name, value in given.items()}

    def _page(self, rows: list[Any], request: Request, *, shrink: bool) -> Answer:
        start = int(request.query.get("cursor", "0"))
        size = 1 if shrink else _PAGE
        page: dict[str, Any] = {"value": [encode(row) for row in rows[start : start + size]]}
        if start + size < len(rows):
            page["next"] = str(start + size)
        return Answer(200, page)


def _refusal(error: TenantryError) -> Answer:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 400)
    return Answer(status, {"error": {"code": error.code, "message": error.message}})


def _done(work: Coroutine[Any, Any, Any]) -> Any:
    """What a coroutine gives that never waits."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise Rejected("a method of the stand-in waited")


def _drained(rows: AsyncIterator[Any]) -> list[Any]:
    found = []
    while True:
        try:
            found.append(_done(rows.__anext__()))  # type: ignore[arg-type]  # of an async generator it is one
        except StopAsyncIteration:
            return found

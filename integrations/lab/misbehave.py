"""The answers of services that are not well."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from integrations.lab.web import Answer

if TYPE_CHECKING:
    from integrations.lab.lab import Lab

_HTML = (
    "<!DOCTYPE html><html><head><title>{status} {text}</title></head>"
    "<body><center><h1>{status} {text}</h1></center><hr></body></html>"
)
_TEXTS = {500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}


def throttled(service: str, lab: Lab, style: str, seconds: int) -> Answer:
    """429. ``style``: how Retry-After is written: ``seconds``, ``date``, or ``none`` at all."""
    headers = {}
    if style == "date":
        # The form has whole seconds; a second more, so that who waits until then has waited long enough.
        headers["Retry-After"] = format_datetime(lab.now() + timedelta(seconds=seconds + 1), usegmt=True)
    elif style != "none":
        headers["Retry-After"] = str(seconds)
    if service == "login":
        body: dict[str, Any] = {
            "error": "temporarily_unavailable",
            "error_description": "AADSTS90055: Too many requests.",
        }
    elif service == "sink":
        body = {"error": "too_many_requests"}
    else:
        body = {"error": {"code": "TooManyRequests", "message": "Too many requests."}}
    return Answer(429, body, headers)


def vendor_error(service: str, status: int, style: str) -> Answer:
    """A failure of the service: its own JSON, a page of a proxy in front of it, or nothing."""
    text = _TEXTS.get(status, "Error")
    if style == "empty":
        return Answer(status, raw=b"")
    if style == "transient" and service == "exchange":
        return busy()
    if style == "html":
        page = _HTML.format(status=status, text=text)
        return Answer(status, raw=page.encode(), content_type="text/html")
    if service == "login":
        return Answer(status, {"error": "temporarily_unavailable", "error_description": f"AADSTS90033: {text}"})
    if service == "sink":
        return Answer(status, {"error": "unavailable"})
    code = {503: "serviceNotAvailable", 500: "InternalServerError"}.get(status, "UnknownError")
    return Answer(status, {"error": {"code": code, "message": f"{text}."}})


def busy() -> Answer:
    """A passing failure of Exchange that comes as 400: only the exception's name tells it from a refusal."""
    text = "ExDD7D21|Microsoft.Exchange.Data.Storage.ServerBusyException|The server is busy. Please retry later."
    details = [{"code": "Client", "target": "", "message": text}]
    return Answer(400, {"error": {"code": "BadRequest", "message": "Error executing cmdlet", "details": details}})

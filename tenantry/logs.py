"""Logs as one JSON object a line: when, how bad, who says it, what; run, tenant and step of whoever was at work; no secret.

::

    {"ts": "2026-11-21T08:00:00.000000Z", "level": "warning", "logger": "integrations.http", "message": "…",
     "run": "3f2a…", "tenant": "acme", "step": "block", "attempt": 1}

`bound` names the run, tenant and step for everything that is logged below it, in tasks and threads that begin there too.
Redaction is the second line of defence, behind `pydantic.SecretStr`: what looks like a credential, by its name or by its form,
and what `protect` was told of, is replaced before the line is written. A log is not evidence; the record is.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO, Any, Final

from pydantic import SecretBytes, SecretStr

from tenantry.clock import rfc3339

__all__ = ["HIDDEN", "JsonLines", "bound", "configure", "protect", "redacted", "without_secrets"]

HIDDEN: Final = "[redacted]"
_LONGEST: Final = 16_384
_DEEPEST: Final = 6
_FEWEST: Final = 6
"""Characters: shorter secrets are everywhere."""
_PROTECTED_AT_MOST: Final = 1_000

_AT_WORK: ContextVar[Mapping[str, Any]] = ContextVar("tenantry.logs.at_work", default={})  # noqa: B039  # never written to

_NAMES = re.compile(
    r"(?i)(pass(word|phrase|wd)|secret|token|authori[sz]ation|api[-_]?key|private[-_]?key|credential|cookie|otp|totp|assertion"
    r"|^code$|otp_code$|^pin$|signature)"
)
# Every repetition in front of what decides is bounded: who chooses the text must not choose how long this takes.
_FORMS: Final = (
    # a credential in the header of a request
    re.compile(r"(?i)\b(?P<kept>(?:bearer|basic|negotiate|digest)\s{1,8})[A-Za-z0-9+/=._~-]{8,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),  # JSON web tokens (RFC 7519)
    re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # AWS access key ids
    re.compile(
        r"(?P<kept>\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,100}:)[^\s/@]{1,500}(?=@)"
    ),  # user:password@ in an address
    re.compile(
        r"""(?ix)(?P<kept>(?:password|passphrase|passwd|secret|token|api[-_]?key|assertion|signature|\bsig|\bcode)
        ["']?\s{0,4}[=:]\s{0,4}["']?)(?!\[redacted\])[^\s"'&,;}]{4,}"""
    ),
    re.compile(r"otpauth://\S+"),
)
_protected: dict[str, None] = {}
_lock = threading.Lock()

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


@contextmanager
def bound(**what: Any) -> Iterator[None]:
    """Name what is at work: ``run``, ``tenant``, ``step``, ``attempt``. Inner names come before outer ones."""
    before = _AT_WORK.set({**_AT_WORK.get(), **{name: value for name, value in what.items() if value is not None}})
    try:
        yield
    finally:
        _AT_WORK.reset(before)


def protect(value: str | SecretStr | SecretBytes) -> None:
    """Never let this value into a line, wherever it comes from. Of the newest thousand."""
    bare = value if isinstance(value, str) else value.get_secret_value()
    text = bare.decode("utf-8", "ignore") if isinstance(bare, bytes) else bare
    if len(text) < _FEWEST:
        return
    with _lock:
        _protected[text] = None
        while len(_protected) > _PROTECTED_AT_MOST:
            del _protected[next(iter(_protected))]


def redacted(value: Any, name: str = "", depth: int = 0) -> Any:
    """The value as it may be logged: JSON, shortened, without what looks like a credential.

    Args:
        name: what it is called: a field called ``client_secret`` is hidden, whatever it holds.
    """
    if name and _NAMES.search(name):
        return HIDDEN
    if isinstance(value, (SecretStr, SecretBytes)):
        return HIDDEN
    if isinstance(value, bool) or value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, datetime):
        return rfc3339(value)
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {_text(str(key)): redacted(inner, str(key), depth + 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [redacted(inner, "", depth + 1) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return f"<{len(value)} bytes>"
    return _text(str(value))


def _text(text: str) -> str:
    if len(text) > _LONGEST:
        text = f"{text[:_LONGEST]}… ({len(text)} characters)"
    return without_secrets(text)


def without_secrets(text: str) -> str:
    """The text, whole, with what looks like a credential and what `protect` was told of replaced. For messages too: a name that
    somebody gave a rule may hold a password."""
    with _lock:
        hidden = [secret for secret in _protected if secret in text]
    for secret in sorted(hidden, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    for form in _FORMS:
        text = form.sub(lambda found: (found.groupdict().get("kept") or "") + HIDDEN, text)
    return text


class JsonLines(logging.Formatter):
    """One line of ASCII JSON for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Never raises: a line that cannot be made says so."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = f"{record.msg} (its arguments do not fit)"
        line: dict[str, Any] = {
            "ts": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _text(message),
            "pid": record.process,
        }
        for name, value in {**_AT_WORK.get(), **_extra(record)}.items():
            line.setdefault(name, redacted(value, name))
        if isinstance(record.exc_info, tuple) and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line["error"] = {"type": type(error).__name__, "code": getattr(error, "code", None)}
            line["traceback"] = _text("".join(traceback.format_exception(error)))
        return json.dumps(line, default=str)


def _extra(record: logging.LogRecord) -> dict[str, Any]:
    """What the call handed over with ``extra``."""
    return {name: value for name, value in vars(record).items() if name not in _OWN and not name.startswith("_")}


def configure(stream: IO[str] | None = None, level: str | None = None) -> None:
    """Send everything that is logged in this process, warnings of Python's included, to a stream as JSON lines.

    Args:
        stream: standard error when None, where the service's journal reads it.
        level: ``TENANTRY_LOG_LEVEL``, or ``INFO``, when None.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    wanted = (level or os.environ.get("TENANTRY_LOG_LEVEL") or "INFO").upper()
    root.setLevel(wanted if wanted in logging.getLevelNamesMapping() else "INFO")
    # Each request on a line of its own, addresses with their queries included: what matters of it is in the record.
    for chatty in ("httpx", "httpcore", "urllib3", "botocore", "paramiko"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.captureWarnings(True)

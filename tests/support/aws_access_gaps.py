"""Of who can get into an account, what moto has not: the whole credential report with root in it, root's own facts, Roles Anywhere; and
the serial console's switch. Strict, as `aws_gaps.py`."""

from __future__ import annotations

import base64
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from moto.iam.models import iam_backends

from tests.support.aws_reply import Reply

_COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed"),
    *("password_next_rotation", "mfa_active", "access_key_1_active", "access_key_1_last_rotated"),
    *("access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service"),
    *("access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date"),
    *("access_key_2_last_used_region", "access_key_2_last_used_service"),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)
_IAM = 'xmlns="https://iam.amazonaws.com/doc/2010-05-08/"'


@dataclass
class Root:
    """How an account's root user stands."""

    password: bool = True
    password_used_at: datetime | None = None
    mfa: bool = True
    keys: int = 0
    key_used_at: datetime | None = None


@dataclass
class AccessGaps:
    """State by account."""

    roots: dict[str, Root] = field(default_factory=lambda: defaultdict(Root))
    passwords: dict[tuple[str, str], datetime] = field(default_factory=dict)
    """(account, user) → when the password was set; else when the user was made."""
    anchors: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """(account, region) → trust anchors, as Roles Anywhere lists them."""
    consoles: set[tuple[str, str]] = field(default_factory=set)
    """(account, region) whose serial consoles may be opened."""
    _reports: dict[str, tuple[datetime, bytes]] = field(default_factory=dict)

    def table(self) -> dict[tuple[str, str], Callable[[str, str, dict[str, Any], bytes], Reply | None]]:
        return {
            ("iam", "GetAccountSummary"): self._summary,
            ("iam", "GenerateCredentialReport"): self._generate,
            ("iam", "GetCredentialReport"): self._report,
            ("rolesanywhere", "GET /trustanchors"): self._list_anchors,
            ("ec2", "GetSerialConsoleAccessStatus"): self._console,
        }

    def forget_report(self, account: str) -> None:
        """As if four hours had gone: the next one is made anew."""
        self._reports.pop(account, None)

    def _summary(self, account: str, _region: str, _environ: dict[str, Any], _body: bytes) -> Reply:
        root = self.roots[account]
        said = {
            "AccountAccessKeysPresent": int(root.keys > 0),
            "AccountMFAEnabled": int(root.mfa),
            "AccountPasswordPresent": int(root.password),
            "Users": len(iam_backends[account]["aws"].users),
        }
        entries = "".join(f"<entry><key>{name}</key><value>{value}</value></entry>" for name, value in said.items())
        return _iam("GetAccountSummary", f"<SummaryMap>{entries}</SummaryMap>")

    def _generate(self, account: str, _region: str, _environ: dict[str, Any], _body: bytes) -> Reply:
        state = "COMPLETE" if account in self._reports else "STARTED"
        if state == "STARTED":
            self._reports[account] = (datetime.now(UTC), self._content(account))
        return _iam("GenerateCredentialReport", f"<State>{state}</State>")

    def _report(self, account: str, _region: str, _environ: dict[str, Any], _body: bytes) -> Reply:
        if account not in self._reports:
            return Reply.query_error(410, "ReportNotPresent")
        made, content = self._reports[account]
        text = (
            f"<Content>{base64.b64encode(content).decode()}</Content><ReportFormat>text/csv</ReportFormat>"
            f"<GeneratedTime>{_iso(made)}</GeneratedTime>"
        )
        return _iam("GetCredentialReport", text)

    def _content(self, account: str) -> bytes:
        root = self.roots[account]
        first = {
            "user": "<root_account>",
            "arn": f"arn:aws:iam::{account}:root",
            "user_creation_time": "2019-03-04T08:00:00+00:00",
            "password_enabled": "not_supported",
            "password_last_used": _cell(root.password_used_at, "no_information"),
            "mfa_active": _cell(root.mfa),
            "access_key_1_active": _cell(root.keys > 0),
            "access_key_1_last_rotated": "2019-03-04T08:00:00+00:00" if root.keys else "N/A",
            "access_key_1_last_used_date": _cell(root.key_used_at, "N/A"),
            "access_key_2_active": _cell(root.keys > 1),
        }
        rows = [first, *(self._row(account, user) for user in iam_backends[account]["aws"].users.values())]
        lines = [",".join(_COLUMNS), *(",".join(row.get(name, "N/A") for name in _COLUMNS) for row in rows)]
        return ("\n".join(lines) + "\n").encode()

    def _row(self, account: str, user: Any) -> dict[str, str]:
        made = _aware(user.create_date)
        row = {
            "user": user.name,
            "arn": user.arn,
            "user_creation_time": _cell(made),
            "password_enabled": _cell(bool(user.password)),
            "password_last_used": _cell(user.password_last_used, "no_information") if user.password else "N/A",
            "password_last_changed": _cell(self.passwords.get((account, user.name), made)) if user.password else "N/A",
            "mfa_active": _cell(bool(user.mfa_devices)),
        }
        for number, key in enumerate(user.access_keys, 1):
            row[f"access_key_{number}_active"] = _cell(key.status == "Active")
            row[f"access_key_{number}_last_rotated"] = _cell(_aware(key.create_date))
            used = key.last_used if key.last_used is None else _aware(key.last_used)
            row[f"access_key_{number}_last_used_date"] = _cell(used, "N/A")
        return row

    def _list_anchors(self, account: str, region: str, _environ: dict[str, Any], _body: bytes) -> Reply:
        return Reply.json({"trustAnchors": self.anchors[account, region]})

    def _console(self, account: str, region: str, _environ: dict[str, Any], _body: bytes) -> Reply:
        text = (
            '<GetSerialConsoleAccessStatusResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">'
            f"<serialConsoleAccessEnabled>{_cell((account, region) in self.consoles)}</serialConsoleAccessEnabled>"
            "</GetSerialConsoleAccessStatusResponse>"
        )
        return Reply(200, text.encode())


def _iam(operation: str, inner: str) -> Reply:
    text = (
        f"<{operation}Response {_IAM}><{operation}Result>{inner}</{operation}Result>"
        f"<ResponseMetadata><RequestId>{escape(operation)}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Reply(200, text.encode())


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _cell(value: bool | datetime | None, nothing: str = "N/A") -> str:
    if value is None:
        return nothing
    return str(value).lower() if isinstance(value, bool) else _aware(value).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

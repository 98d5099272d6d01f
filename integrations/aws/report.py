"""IAM's credential report: what every user has, in two requests.

Sources (docs.aws.amazon.com/IAM/latest):
    /UserGuide/id_credentials_getting-report.html         columns; a report is made at most every four hours, and given again until then
    /APIReference/API_GenerateCredentialReport.html, API_GetCredentialReport.html
"""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from integrations.aws.caller import Caller, answered
from tenantry.errors import VendorFault

__all__ = ["ROOT", "CredentialReport", "Row"]

ROOT: Final = "<root_account>"
_NEEDED: Final = frozenset({"user", "arn", "password_enabled", "mfa_active", "access_key_1_active"})


@dataclass(frozen=True, slots=True)
class Row:
    """One user's, or root's."""

    cells: Mapping[str, str]

    def yes(self, name: str) -> bool | None:
        """None: it does not say (``not_supported``, ``N/A``)."""
        return {"true": True, "false": False}.get(self.cells.get(name, "").lower())

    def at(self, *names: str) -> datetime | None:
        """The latest of some times; None: none of them ever was, or it does not say."""
        found = []
        for name in names:
            try:
                when = datetime.fromisoformat(self.cells.get(name, ""))
            except ValueError:  # N/A, no_information, not_supported
                continue
            found.append(when if when.tzinfo else when.replace(tzinfo=UTC))
        return max(found, default=None)

    @property
    def keys(self) -> int:
        """Active ones."""
        return sum(self.yes(f"access_key_{number}_active") is True for number in (1, 2))

    @property
    def had_keys(self) -> bool:
        """There are keys, active or not."""
        return any(self.at(f"access_key_{number}_last_rotated") is not None for number in (1, 2))


class CredentialReport:
    """Asked once."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._asking = asyncio.Lock()
        self._rows: dict[str, Row] = {}
        self.made_at = datetime.fromtimestamp(0, UTC)

    async def row(self, arn: str) -> Row | None:
        """Of a user by its resource name, or of :data:`ROOT`; None: it was made after the report."""
        async with self._asking:
            if not self._rows:
                await self._read()
        return self._rows.get(arn)

    async def _read(self) -> None:
        limits = self._caller.limits
        waited, wait = 0.0, limits.first_wait
        while True:
            answer = await self._caller.read("iam", "generate_credential_report")
            if answered(answer, "State", "iam.GenerateCredentialReport") == "COMPLETE":
                break
            if waited + wait > limits.budget:
                raise VendorFault("IAM's credential report was not ready in time", vendor="aws")
            await asyncio.sleep(wait)
            waited, wait = waited + wait, min(wait * 2, limits.longest_wait)
        answer = await self._caller.read("iam", "get_credential_report")
        content = answered(answer, "Content", "iam.GetCredentialReport")
        self.made_at = answered(answer, "GeneratedTime", "iam.GetCredentialReport")
        self._rows = _rows(content)


def _rows(content: bytes) -> dict[str, Row]:
    reader = csv.DictReader(io.StringIO(content.decode("utf-8")))
    if _NEEDED - set(reader.fieldnames or ()):
        raise VendorFault("IAM's credential report lacks columns", vendor="aws")
    found: dict[str, Row] = {}
    for cells in reader:
        row = Row({name: value or "" for name, value in cells.items() if name})
        found[ROOT if row.cells["user"] == ROOT else row.cells["arn"]] = row
    if ROOT not in found:
        raise VendorFault("IAM's credential report lacks the root user: it is not whole", vendor="aws")
    return found

"""Misbehaviour on demand, the same every time.

Random faults are drawn from the seed and the ordinal of the request since the faults were set: the same client making the same calls meets
the same faults. Scripted faults hit the n-th call that matches. What each does:

==========================  ============================================================================================
``latency``                 the answer comes ``latency_ms`` later (``slow_rate`` of them ``slow_ms`` later)
``error``                   500, 502 and 504 (an HTML page) or 503; nothing happened
``throttle``                429 with Retry-After in seconds or as a date; nothing happened
``drop``                    the connection ends before anything happened
``timeout_after_effect``    the write happens, then no answer comes: after ``hang_ms`` the connection ends
``partial_page``            half of the JSON text, a page cut by the network, or fewer rows and a next link
``propagation_ms``          readers see what was written only that much later
==========================  ============================================================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tenantry.errors import InvalidInput

FaultName = Literal["latency", "error", "throttle", "drop", "timeout_after_effect", "partial_page"]
Rate = float


class Match(BaseModel):
    """Which calls a scripted fault is for; what is left out matches everything."""

    model_config = ConfigDict(extra="forbid")

    method: str | None = Field(None, description="HTTP method")
    path: str | None = Field(None, description="regular expression, searched in the path, e.g. /graph/v1.0/users/")
    cmdlet: str | None = Field(None, description="Exchange cmdlet, e.g. Disable-InboxRule")


class Scripted(BaseModel):
    """One scripted fault."""

    model_config = ConfigDict(extra="forbid")

    match: Match = Field(default_factory=Match)
    nth: int | list[int] | None = Field(
        None, description="which matching calls, counted from 1; every one when left out"
    )
    fault: FaultName
    status: int | None = Field(None, description="error: the status to answer with", ge=400, le=599)
    style: (
        Literal["json", "html", "empty", "transient", "seconds", "date", "none", "rows", "truncated", "cut"] | None
    ) = Field(
        None,
        description="error: json, html, empty, transient · throttle: seconds, date, none · partial_page: rows, truncated, cut",
    )
    retry_after_s: int | None = Field(None, ge=0)
    delay_ms: float = Field(0, ge=0)
    hang_ms: float | None = Field(None, ge=0)


class FaultPlan(BaseModel):
    """What ``POST /_lab/faults`` takes. Rates are shares of the requests, 0 to 1; times are milliseconds."""

    model_config = ConfigDict(extra="forbid")

    latency_ms: float = Field(0, ge=0)
    error_rate: Rate = Field(0, ge=0, le=1)
    throttle_rate: Rate = Field(0, ge=0, le=1)
    timeout_after_effect_rate: Rate = Field(0, ge=0, le=1, description="of the requests that write")
    partial_page_rate: Rate = Field(0, ge=0, le=1, description="of the answers that are lists")
    propagation_ms: float = Field(0, ge=0)
    seed: int = 0
    drop_rate: Rate = Field(0, ge=0, le=1)
    slow_rate: Rate = Field(0, ge=0, le=1)
    slow_ms: float = Field(1000, ge=0)
    hang_ms: float = Field(50, ge=0, description="how long a call without an answer hangs before its connection ends")
    retry_after_s: int = Field(1, ge=0)
    retry_after_style: Literal["seconds", "date", "mixed"] = "mixed"
    reports_limit: bool = Field(
        False, description="5 sign-in or audit report requests per window, as the service has it"
    )
    reports_window_ms: float = Field(10_000, gt=0)
    single_item_pages: bool = Field(
        False, description="Exchange lists without ResultSize Unlimited: one item, a warning and a next link"
    )
    script: list[Scripted] = Field(default_factory=list)


@dataclass(slots=True)
class Decision:
    """What befalls one request."""

    delay_ms: float = 0.0
    kind: FaultName | None = None
    status: int | None = None
    style: str | None = None
    retry_after_s: int = 1
    hang_ms: float = 50.0


_CALM = Decision()


@dataclass(slots=True)
class Faults:
    """The plan in force, and how far it has got."""

    plan: FaultPlan = field(default_factory=FaultPlan)
    _requests: int = 0
    _hits: dict[int, int] = field(default_factory=dict)
    _reports: list[float] = field(default_factory=list)

    def set(self, plan: FaultPlan) -> None:
        """Put a plan in force; ordinals count from its beginning."""
        self.plan = plan
        self._requests = 0
        self._hits = {}
        self._reports = []

    @property
    def calm(self) -> bool:
        """Nothing is drawn or scripted."""
        plan = self.plan
        return not (
            plan.script
            or plan.latency_ms
            or plan.error_rate
            or plan.throttle_rate
            or plan.timeout_after_effect_rate
            or plan.partial_page_rate
            or plan.drop_rate
            or plan.slow_rate
        )

    @property
    def lag(self) -> float:
        """Seconds until readers see a write."""
        return self.plan.propagation_ms / 1000

    def next_ordinal(self) -> str:
        """The ordinal of a request, counted since the plan was set."""
        self._requests += 1
        return str(self._requests)

    def decide(self, ordinal: str, method: str, path: str, cmdlet: str | None, *, part: str = "whole") -> Decision:
        """What befalls this request.

        Args:
            ordinal: the request's; for an item of a batch ``ordinal.item``.
            method: HTTP method.
            path: with the service in front, e.g. ``/graph/v1.0/users``.
            cmdlet: Exchange's, or None.
            part: ``batch`` for the request that carries a batch (its items are throttled one by one, not it), ``item`` for one of them
                (which can be throttled or fail, but not lose a connection).
        """
        if self.calm:
            return _CALM
        plan = self.plan
        dice = _draw(plan.seed, ordinal)
        found = Decision(plan.latency_ms, hang_ms=plan.hang_ms, retry_after_s=plan.retry_after_s)
        if part == "item":
            found.delay_ms = 0.0
        elif dice[5] < plan.slow_rate:
            found.delay_ms += plan.slow_ms
        if part != "batch" and dice[0] < plan.throttle_rate:
            found.kind = "throttle"
            mixed = "date" if dice[6] < 0.25 else "seconds"
            found.style = mixed if plan.retry_after_style == "mixed" else plan.retry_after_style
        elif dice[1] < plan.error_rate:
            found.kind = "error"
            found.status = (500, 502, 503, 504)[int(dice[6] * 4)]
            found.style = "html" if found.status in (502, 504) else "json"
        elif part != "item" and dice[2] < plan.drop_rate:
            found.kind = "drop"
        elif part != "item" and dice[3] < plan.timeout_after_effect_rate:
            found.kind = "timeout_after_effect"
        elif part != "item" and dice[4] < plan.partial_page_rate:
            found.kind = "partial_page"
            found.style = ("rows", "truncated", "cut")[int(dice[6] * 3)]
        self._scripted(found, method, path, cmdlet)
        return found

    def over_reports_limit(self, now: float) -> int | None:
        """Seconds to wait when the report quota (5 per window) is used up; None when the request may pass."""
        if not self.plan.reports_limit:
            return None
        window = self.plan.reports_window_ms / 1000
        self._reports = [at for at in self._reports if at > now - window]
        if len(self._reports) >= 5:
            return max(1, round(self._reports[0] + window - now))
        self._reports.append(now)
        return None

    def _scripted(self, found: Decision, method: str, path: str, cmdlet: str | None) -> None:
        for at, entry in enumerate(self.plan.script):
            match = entry.match
            if match.method and match.method.upper() != method:
                continue
            if match.path and not re.search(match.path, path):
                continue
            if match.cmdlet and match.cmdlet.lower() != (cmdlet or "").lower():
                continue
            count = self._hits[at] = self._hits.get(at, 0) + 1
            wanted = entry.nth if isinstance(entry.nth, list) else [entry.nth]
            if entry.nth is not None and count not in wanted:
                continue
            found.delay_ms += entry.delay_ms
            if entry.fault != "latency":
                found.kind, found.status, found.style = entry.fault, entry.status, entry.style
            if entry.retry_after_s is not None:
                found.retry_after_s = entry.retry_after_s
            if entry.hang_ms is not None:
                found.hang_ms = entry.hang_ms
            return


def _draw(seed: int, ordinal: str) -> list[float]:
    digest = blake2b(f"{seed}:{ordinal}".encode(), digest_size=32).digest()
    return [int.from_bytes(digest[at : at + 4], "big") / 2**32 for at in range(0, 32, 4)]


def load_plan(path: Path) -> FaultPlan:
    """A plan from a JSON file, the same that ``POST /_lab/faults`` takes.

    Raises:
        InvalidInput: no such file, or not a plan; names the place.
    """
    try:
        return FaultPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"cannot be read: {error.strerror}", place=str(path)) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{where or 'the file'}: {first['msg']}", place=str(path)) from error


def describe(plan: FaultPlan) -> dict[str, Any]:
    """The plan as JSON, defaults included."""
    return plan.model_dump(mode="json")

"""A check of backups is a run of a runbook: the one of a client's plans, made here and pinned in the run's first entry, as an activation is.

For each backup that any of the plans stands on, once, however many systems stand on it::

    b<n>__newest     the newest good recovery point, how old it is, until when nobody can delete it
    b<n>__restore    a test restore beside the original, where one is due
    b<n>__compare    whether what came back is what was backed up
    b<n>__discard    what was restored for the test goes away again
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Final, Literal

import yaml

from tenantry import yamlpos
from tenantry.disaster.backups import BackupToCheck, StandsOn
from tenantry.disaster.load import KnownBackup, LoadedPlan
from tenantry.disaster.plan import BackupOf, System, Through
from tenantry.errors import InvalidPlan

__all__ = ["CHECK", "When", "checking"]

CHECK: Final = "backup_check"
"""The runbook that a check's is made of, and its id."""

When = Literal["due", "always", "never"]
_AREAS: Final[Mapping[Through, str]] = {"backup": "backup", "host_backup": "host", "workspace_backup": "workspace"}
"""Where the tasks are that look at it."""
_MOST: Final = 100
"""Backups of one check."""


@dataclass(slots=True)
class _Source:
    """One backup, with everything that the plans say of it."""

    first: BackupOf
    systems: list[StandsOn] = field(default_factory=list)
    every: timedelta = timedelta.max
    test_every: timedelta = timedelta.max
    immutable: bool = False
    tested: date | None = None

    def add(self, plan: str, system: System, backup: BackupOf) -> None:
        """The strictest of what is said counts."""
        rpo = int(system.rpo.total_seconds()) if system.rpo is not None else None
        self.systems.append(StandsOn(plan=plan, system=system.id, rpo_seconds=rpo))
        self.every = min(self.every, backup.every)
        self.test_every = min(self.test_every, backup.test_every)
        self.immutable = self.immutable or backup.immutable
        if backup.tested_on is not None:
            self.tested = max(self.tested or backup.tested_on, backup.tested_on)


def checking(
    plans: Sequence[LoadedPlan],
    base: str,
    *,
    today: date,
    restore: When,
    known: Mapping[str, KnownBackup],
    refused: Mapping[str, str],
) -> str:
    """The text of the runbook of one check.

    Args:
        plans: of one client.
        base: text of :data:`CHECK`.
        today: what the age of test restores is counted from.
        restore: which backups are restored for a test: those that are due by their plan, all, or none.
        known: what the record knows of each source.
        refused: plan → why it cannot be carried out at all.

    Raises:
        InvalidPlan: it would have too many steps.
    """
    sources: dict[tuple[str, str], _Source] = {}
    for loaded in plans:
        for system in loaded.plan.systems:
            for backup in system.backups:
                found = sources.setdefault((backup.through, backup.source), _Source(backup))
                found.add(loaded.plan.id, system, backup)
    if len(sources) > _MOST:
        raise InvalidPlan(f"the plans stand on {len(sources)} backups, and one check looks at {_MOST} at most")
    document: Any = yamlpos.parse(base, file=f"{CHECK}.yaml").data
    steps: list[dict[str, Any]] = []
    rows: list[BackupToCheck] = []
    for number, source in enumerate(sources.values(), 1):
        tested = max(
            (day for day in (source.tested, known.get(source.first.source, KnownBackup()).tested_on) if day),
            default=None,
        )
        due = tested is None or today - tested >= source.test_every
        row = _row(f"b{number}__", source, tested, tests=restore == "always" or (restore == "due" and due))
        rows.append(row)
        steps += _steps(row)
    for step in document["steps"]:
        if step["id"] == "judged":
            step["needs"] = [made["id"] for made in steps]
            step["with"]["backups"] = [_escaped(row.model_dump(mode="json", exclude_none=True)) for row in rows]
            step["with"]["refused"] = [_escaped(f"{plan}: {why}"[:1_000]) for plan, why in sorted(refused.items())]
    place = next(place for place, step in enumerate(document["steps"]) if step["id"] == "judged")
    document["steps"][place:place] = steps
    used = {step["phase"] for step in steps}
    document["phases"] = [*(phase for phase in ("look", "restore") if phase in used), *document["phases"]]
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _row(prefix: str, source: _Source, tested: date | None, *, tests: bool) -> BackupToCheck:
    hosts = source.first.through == "host_backup"
    # What a workspace's vendor restores only people can take away again: it is tested by them, and the plan says when.
    tests = tests and source.first.through != "workspace_backup"
    return BackupToCheck(
        source=source.first.source,
        through=source.first.through,
        systems=source.systems,
        every_seconds=int(source.every.total_seconds()),
        immutable=source.immutable,
        tested_on=tested,
        test_every_days=source.test_every.days,
        look=f"{prefix}newest",
        restore=f"{prefix}restore" if tests else None,
        compare=f"{prefix}compare" if tests and not hosts else None,
        discard=f"{prefix}discard" if tests else None,
    )


def _steps(row: BackupToCheck) -> Iterator[dict[str, Any]]:
    name, hosts = _escaped(row.source), row.through == "host_backup"
    about = {"host": name} if hosts else {"source": name}
    area = _AREAS[row.through]
    yield _step(row.look, f"{name}: its newest recovery point", "look", f"{area}.read_newest_point", [], about)
    if row.restore is None or row.discard is None:
        return
    point = "${steps." + row.look + ".output.point}"
    given = {"host": name, "point": point} if hosts else {"point": point}
    when = {"when": f"steps.{row.look}.output.point != null"}
    uses = "host.stage_restore" if hosts else "backup.restore_point"
    yield _step(row.restore, f"{name}: test restore", "restore", uses, [row.look], given) | when
    before = row.restore
    if row.compare is not None:
        title = f"{name}: what came back"
        yield _step(row.compare, title, "restore", "backup.verify_restore", [row.restore], given) | when
        before = row.compare
    uses = "host.discard_staged" if hosts else "backup.discard_restore"
    yield _step(row.discard, f"{name}: the test restore goes away", "restore", uses, [before], given) | when


def _step(id: str, title: str, phase: str, uses: str, needs: list[str], given: dict[str, Any]) -> dict[str, Any]:
    # One backup that cannot be asked keeps no other from being looked at; what failed is judged.
    made = {"id": id, "title": title[:200], "phase": phase, "uses": uses, "needs": needs, "with": given}
    return made | {"on_failure": "continue"}


def _escaped(value: Any) -> Any:
    """A plan's texts are values here, never expressions of the runbook."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {key: _escaped(inner) for key, inner in value.items()}
    return [_escaped(inner) for inner in value] if isinstance(value, list) else value

"""Guessed passwords: one address that tries many accounts, and what it opened; one account tried until it opened.

An office behind one address mistypes too. What tells a spray from it is that hardly any of those accounts ever signs in
from there.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from typing import Any, Final

from tenantry.sweep.collect import Collector
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics.make import make

__all__ = ["KIN", "check"]

KIN: Final = "SELECT number FROM kin WHERE kind = 'sign_in'"
_ACCOUNTS: Final = 8
_SLOW_ACCOUNTS: Final = 15
_SHARE: Final = 3
"""So many times more accounts fail than sign in."""
_FAILURES: Final = 10
_HOUR: Final = 3600.0
_WIDE: Final = 20
_BLOCK: Final = (
    "Block the address, and demand a second factor of everybody; reset the passwords of accounts that it opened."
)
_RESET: Final = "Revoke the account's sessions, reset its password, and look at what was done since."


def check(spool: Spool, collector: Collector) -> None:
    """Sprays by address and by network, and guessing of single accounts."""
    opened = _sprays(spool, collector, "ip")
    opened |= _sprays(spool, collector, "network")
    _guessed(spool, collector, opened)


def _sprays(spool: Spool, collector: Collector, by: str) -> set[tuple[str, str]]:
    """``(account, origin)`` pairs that a spray opened."""
    rows = spool.query(
        f"SELECT {by}, actor, outcome, SUM(n), MIN(first), MAX(last), MIN(events), MIN(ip) FROM activity "  # noqa: S608 - one of two column names
        f"WHERE kind = 'sign_in' AND {by} IS NOT NULL GROUP BY {by}, actor, outcome, slot / 6 ORDER BY {by}, 5"
    )
    opened: set[tuple[str, str]] = set()
    for origin, of in groupby(rows, key=lambda row: row[0]):
        found = list(of)
        failed = [row for row in found if row[2] == "failure"]
        entered = {row[1] for row in found if row[2] == "success"}
        accounts = {row[1] for row in failed}
        most = _most_within_an_hour(failed)
        least = _WIDE if by == "network" else _ACCOUNTS
        if not (most >= least or len(accounts) >= (_WIDE * 2 if by == "network" else _SLOW_ACCOUNTS)) or len(
            accounts
        ) < _SHARE * max(len(entered & accounts), 1):
            continue
        if len(entered) > len(accounts):
            continue
        got = [
            row
            for row in found
            if row[2] in ("success", "interrupted") and row[1] in accounts and row[5] >= failed[0][4]
        ]
        name = str(origin)
        collector.put(_spray(name, by, failed, accounts, most, got))
        for row in got:
            opened.add((row[1], name))
            collector.put(_entered(str(row[1]), name, row, len(accounts)))
    return opened


def _most_within_an_hour(failed: list[tuple[Any, ...]]) -> int:
    most, start = 0, 0
    for at, row in enumerate(failed):
        while row[4] - failed[start][4] > _HOUR:
            start += 1
        most = max(most, len({one[1] for one in failed[start : at + 1]}))
    return most


def _spray(
    origin: str, by: str, failed: list[tuple[Any, ...]], accounts: set[str], most: int, got: list[tuple[Any, ...]]
) -> Any:
    return make(
        "password_spray",
        "One origin tries passwords of many accounts",
        "high",
        ("T1110.003",),
        ("address" if by == "ip" else "network", origin),
        _BLOCK,
        ids=[id for row in failed for id in str(row[6]).split("\n")],
        count=sum(row[3] for row in failed),
        first=failed[0][4],
        last=max(row[5] for row in failed),
        summary=f"{len(accounts)} accounts failed from {origin}, {most} of them within an hour; {len({row[1] for row in got})} were opened.",
        accounts=sorted(accounts)[:50],
        opened=sorted({str(row[1]) for row in got}),
    )


def _entered(account: str, origin: str, row: tuple[Any, ...], tried: int) -> Any:
    inside = row[2] == "success"
    return make(
        "password_spray_opened",
        "A password spray opened an account" if inside else "A password spray found a right password",
        "critical" if inside else "high",
        ("T1110.003", "T1078.004"),
        ("account", account),
        _RESET,
        ids=str(row[6]).split("\n"),
        count=row[3],
        first=row[4],
        last=row[5],
        summary=f"{origin} tried {tried} accounts, and {'signed in to' if inside else 'had the right password for'} this one.",
        origin=origin,
        address=row[7],
    )


def _guessed(spool: Spool, collector: Collector, opened: set[tuple[str, str]]) -> None:
    """Ten failures of one account from one address within an hour, and then it opened."""
    rows = spool.query(
        "SELECT actor, ip, outcome, n, first, last, events FROM activity WHERE kind = 'sign_in' AND ip IS NOT NULL ORDER BY actor, ip, first"
    )
    for (actor, ip), of in groupby(rows, key=lambda row: (row[0], row[1])):
        failed: list[tuple[Any, ...]] = []
        known = False
        for row in of:
            failed = [one for one in failed if row[4] - one[5] <= _HOUR]
            if row[2] == "failure":
                failed.append(row)
            elif row[2] == "success":
                tries = sum(one[3] for one in failed)
                if tries >= _FAILURES and (actor, ip) not in opened and not known:
                    collector.put(_forced(str(actor), str(ip), failed, row, tries))
                known = True
    _guessing(spool, collector)


def _guessing(spool: Spool, collector: Collector) -> None:
    """Very many failures of one account, from anywhere, without success: worth knowing, and what every tenant sees."""
    counts: dict[str, list[Any]] = defaultdict(lambda: [0, 0.0, 0.0, [], set()])
    for actor, count, first, last, ids, ip in spool.query(
        "SELECT actor, n, first, last, events, ip FROM activity WHERE kind = 'sign_in' AND outcome = 'failure' ORDER BY actor, first"
    ):
        entry = counts[actor]
        entry[0] += count
        entry[1], entry[2] = entry[1] or first, max(entry[2], last)
        if len(entry[3]) < 50:
            entry[3].append(str(ids).split("\n")[0])
            entry[4].add(str(ip))
    for actor, (count, first, last, ids, ips) in counts.items():
        if count >= 100:
            collector.put(
                make(
                    "password_guessing",
                    "An account's password is being guessed",
                    "low",
                    ("T1110.001",),
                    ("account", actor),
                    _BLOCK,
                    ids=ids,
                    count=count,
                    first=first,
                    last=last,
                    summary=f"{count} failures.",
                    addresses=sorted(ips),
                )
            )


def _forced(actor: str, ip: str, failed: list[tuple[Any, ...]], row: tuple[Any, ...], tries: int) -> Any:
    return make(
        "password_guessed",
        "Failures, and then the account opened",
        "high",
        ("T1110.001", "T1078.004"),
        ("account", actor),
        _RESET,
        ids=[id for one in (*failed, row) for id in str(one[6]).split("\n")],
        count=tries + row[3],
        first=failed[0][4],
        last=row[5],
        summary=f"{tries} failures from {ip} within an hour, and then a sign-in from there.",
        address=ip,
    )

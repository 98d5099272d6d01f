"""More than usual: downloads and reads of mail far beyond what the account and its colleagues do in an hour."""

from __future__ import annotations

from typing import Final

from tenantry.sweep.collect import Collector
from tenantry.sweep.spool import Spool
from tenantry.sweep.statistics.make import make

__all__ = ["KIN", "check"]

_WHAT: Final = {
    "files": (("FileDownloaded", "FileSyncDownloadedFull", "FileAccessed", "FilePreviewed"), 500, "m365_mass_download", "Far more files read than usual", ("T1530", "T1213.002")),
    "mail": (("MailItemsAccessed", "MessageBind"), 400, "m365_mass_mail_read", "Far more mail read than usual", ("T1114.002",)),
    "deletions": (("FileDeleted", "FileRecycled", "HardDelete", "SoftDelete"), 400, "m365_mass_delete", "Far more deleted than usual", ("T1485", "T1070.008")),
    "sent": (("Send", "SendAs", "SendOnBehalf"), 150, "m365_mass_send", "Far more mail sent than usual", ("T1534",)),
}  # fmt: skip
_NAMES: Final = ", ".join(f"'{name}'" for names, *_ in _WHAT.values() for name in names)
KIN: Final = f"SELECT number FROM kin WHERE outcome = 'success' AND name IN ({_NAMES})"  # noqa: S608 - the names above
_TIMES: Final = 8
_REMEDY: Final = (
    "Ask the account's owner what it was for; if it was not them, contain the account and list what was taken."
)


def check(spool: Spool, collector: Collector) -> None:
    """An hour against the account's own other hours, and against those of everybody."""
    for names, least, rule, title, attack in _WHAT.values():
        marks = ",".join("?" * len(names))
        hours = spool.query(
            f"SELECT actor, slot / 6, SUM(n), MIN(first), MAX(last), MIN(events) FROM activity WHERE name IN ({marks}) "  # noqa: S608 - question marks only
            "AND outcome = 'success' GROUP BY actor, slot / 6 ORDER BY 3 DESC LIMIT 20000",
            names,
        )
        rows = list(hours)
        worst: dict[str, tuple[int, ...]] = {}
        counts = sorted(row[2] for row in rows)
        typical = counts[int(len(counts) * 0.9)] if len(counts) >= 10 else 0
        for actor, slot, count, first, last, ids in rows:
            others = sorted(row[2] for row in rows if row[0] == actor and row[1] != slot)
            usual = others[len(others) // 2] if others else 0
            if count < least or count < _TIMES * max(usual, 1) or (typical and count < 2 * typical) or actor in worst:
                continue
            worst[actor] = (count,)
            collector.put(
                make(
                    rule,
                    title,
                    "medium",
                    attack,
                    ("account", str(actor)),
                    _REMEDY,
                    ids=str(ids).split("\n"),
                    count=count,
                    first=first,
                    last=last,
                    summary=f"{count} in one hour; the account's usual hour has {usual}, nine in ten of all hours have at most {typical}.",
                    in_the_hour=count,
                    usual=usual,
                    nine_in_ten=typical,
                )
            )

"""Appends until it is stopped. Each acknowledged entry is a line on stdout."""

from __future__ import annotations

import os

from tenantry.errors import JournalUnavailable
from tenantry.journal import Event, Journal, Ledger
from tests.tenantry.journal.support import MemorySigner, key


def main(folder: str, count: int) -> None:
    try:
        journal = Journal(f"sqlite:///{folder}/journal.db", key)
    except JournalUnavailable:
        os.write(1, b"refused\n")
        return
    ledger = Ledger(journal, MemorySigner())
    os.write(1, b"ready\n")
    for at in range(count):
        try:
            (entry,) = journal.append("acme", [Event("note", {"at": at, "text": "x" * 700})])
        except JournalUnavailable:
            os.write(1, b"refused\n")
            continue
        os.write(1, f"{entry.id}\n".encode())
        if at % 5 == 4:
            try:
                ledger.checkpoint("acme")
            except JournalUnavailable:
                os.write(1, b"refused\n")
    journal.close()

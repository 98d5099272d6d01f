from __future__ import annotations

from typing import Any

import pytest

from tasks.measures.linux.journal_kept import JournalKept
from tests.tasks.measures.linux.hosts import answered, file, unit

FOLDER = {"/var/log/journal": file("/var/log/journal", 0o755, kind="folder")}


@pytest.mark.parametrize(
    ("conf", "files", "kept"),
    [
        ("", FOLDER, True),
        ("[Journal]\n#Storage=volatile\n", FOLDER, True),
        ("Storage=persistent", {}, True),
        ("", {}, False),
        ("Storage=volatile", FOLDER, False),
    ],
)
def test_where_the_journal_lies(conf: str, files: Any, kept: bool) -> None:
    found = answered(JournalKept, contents={"/etc/systemd/journald.conf": conf}, files=files)
    assert (found == []) is kept


def test_a_later_file_counts_and_a_daemon_is_enough() -> None:
    files = {"/etc/systemd/journald.conf": "Storage=persistent", "/etc/systemd/journald.conf.d/z.conf": "Storage=none"}
    assert answered(JournalKept, contents=files) == [
        "its journal is gone after a restart (Storage=none), and no syslog daemon runs"
    ]
    assert answered(JournalKept, contents=files, units=unit("rsyslog.service")) == []

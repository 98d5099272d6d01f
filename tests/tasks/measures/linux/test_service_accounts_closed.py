from __future__ import annotations

from tasks.measures.linux.service_accounts_closed import ServiceAccountsClosed
from tests.tasks.measures.linux.hosts import account, answered


def test_accounts_of_programs() -> None:
    closed = [account("daemon", 1), account("postgres", 110, "locked", "/bin/bash"), account("www-data", 33, "set")]
    assert answered(ServiceAccountsClosed, accounts=[*closed, account("anna", 1000, "set", "/bin/bash")]) == []
    assert answered(ServiceAccountsClosed, accounts=[account("backup", 34, "set", "/bin/sh")]) == [
        "backup has the shell /bin/sh and a password"
    ]

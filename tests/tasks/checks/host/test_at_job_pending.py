from __future__ import annotations

from tasks.checks.host.at_job_pending import AtJobPending
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = AtJobPending()


def test_a_job_that_waits() -> None:
    jobs = (
        put("at", "/var/spool/cron/atjobs/a0000101", "#!/bin/sh\n/dev/shm/.x/k\n"),
        put("at", "/var/spool/cron/atjobs/a0000201", "#!/bin/sh\nshutdown -r now\n"),
        put("at", "/var/spool/cron/atjobs/a0000301", None),
    )
    assert [severity for severity, _ in found(CHECK, survey(files=jobs))] == ["critical", "medium", "medium"]


def test_what_at_keeps_for_itself() -> None:
    assert found(CHECK, survey(files=(put("at", "/var/spool/cron/atjobs/.SEQ", "00001"),))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")

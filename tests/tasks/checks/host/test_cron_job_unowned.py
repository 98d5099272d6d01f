from __future__ import annotations

from tasks.checks.host.cron_job_unowned import CronJobUnowned
from tests.tasks.checks.host._facts import OLD, cannot, found, job, put, survey

CHECK = CronJobUnowned()


def test_a_new_job_of_roots() -> None:
    script = put("cron", "/etc/cron.daily/x", mode=0o755)
    fact = survey(cron=(job("/usr/local/bin/x"),), files=(script,))
    assert found(CHECK, fact) == [("medium", "/etc/cron.d/x#1"), ("medium", "/etc/cron.daily/x")]


def test_what_packages_brought_or_has_long_been_there() -> None:
    jobs = (
        job("x", at=OLD),
        job("x", path="/etc/cron.d/e2scrub_all"),
        job("x", owner="alice", path="/var/spool/cron/crontabs/alice"),
    )
    scripts = (put("cron", "/etc/cron.daily/apt", mode=0o755), put("cron", "/etc/cron.daily/.placeholder"))
    fact = survey(cron=jobs, files=scripts, owned=("/etc/cron.d/e2scrub_all", "/etc/cron.daily/apt"))
    assert found(CHECK, fact) == []


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")

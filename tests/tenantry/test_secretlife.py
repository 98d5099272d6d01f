"""When a secret needs attention: by its own days, or by what the client's file says, whichever is earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from tenantry.home import Home
from tenantry.names import MSP
from tenantry.secretlife import CADENCE, Due, Reminder, due, due_everywhere, limits_of, reminder_of
from tenantry.secretstore import Facts, SecretVersion
from tenantry.tenants import TenantStore
from tenantry.vault import Vault

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("expires", "rotate", "why"),
    [
        (None, None, None),
        (-HOUR, None, "expired"),
        (-HOUR, DAY, "expired"),
        (29 * DAY, None, "expires"),
        (31 * DAY, None, None),
        (None, -HOUR, "rotate"),
        (None, HOUR, None),
        (90 * DAY, -HOUR, "rotate"),
        (24 * HOUR, 16 * HOUR, None),  # of a certificate that lives for a day
        (8 * HOUR, timedelta(0), "expires"),
        (8 * HOUR, 9 * HOUR, "expires"),  # a day of replacement that would come too late
    ],
)
def test_due(expires: timedelta | None, rotate: timedelta | None, why: str | None) -> None:
    facts = Facts.of("x", None if expires is None else NOW + expires, None if rotate is None else NOW + rotate)
    found = due([SecretVersion.of("acme", "a", 3, NOW - DAY, facts)], NOW)
    assert [one.why for one in found] == ([] if why is None else [why])
    assert all(one.version == 3 for one in found)


def test_the_gravest_comes_first() -> None:
    stored = [
        SecretVersion.of("acme", name, 1, NOW, Facts.of("x", NOW + expires))
        for name, expires in (("soon", 9 * DAY), ("sooner", 2 * DAY), ("over", -DAY))
    ]
    assert [one.name for one in due(stored, NOW)] == ["over", "sooner", "soon"]


def at_end(left: timedelta) -> Reminder:
    (one,) = due([SecretVersion.of("acme", "a", 3, NOW - 90 * DAY, Facts.of("x", NOW + left))], NOW)
    return reminder_of(one, NOW)


@pytest.mark.parametrize(
    ("days", "number", "level", "lately"),
    [
        (30, 1, "remind", False),
        (15, 1, "remind", False),
        (14, 2, "remind", False),
        (7, 3, "remind", True),
        (3, 4, "escalate", True),
        (1, 5, "escalate", True),
        (0, 6, "escalate", True),
        (-1, 6, "escalate", True),
        (-7, 7, "escalate", True),
        (-70, 16, "escalate", True),
    ],
)
def test_reminders_come_more_often_as_the_end_nears(days: int, number: int, level: str, lately: bool) -> None:
    assert at_end(days * DAY) == Reminder("end", number, level, lately)  # type: ignore[arg-type]  # one of the two


def test_a_reminder_is_the_same_until_the_next_one_is_due() -> None:
    numbers = [at_end(timedelta(hours=hours)).number for hours in range(30 * 24, -60 * 24, -1)]
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(1, len(CADENCE) + 9))


def test_what_works_on_is_told_of_less_often() -> None:
    def over(days: int) -> Reminder:
        return reminder_of(Due("acme", "a", "rotate", NOW - days * DAY, "was to be replaced", 3), NOW)

    assert [over(days).number for days in (0, 13, 14, 27, 28)] == [1, 1, 2, 2, 3]
    assert [over(days).level for days in (27, 28)] == ["remind", "escalate"]
    assert [over(days).lately for days in (6, 7)] == [False, True]
    assert {over(days).about for days in (0, 99)} == {"age"}


FILE = """\
name: acme
display_name: Acme
providers:
  m365: {vendor: microsoft365, secrets: {client_secret: "vault:acme/m365/secret"}}
rotation:
  every_days: 90
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path).ensure()
    (made.tenants / "acme.yaml").write_text(FILE, encoding="utf-8")
    return made


def names(home: Home, days: int, rotate_in: int | None = None) -> list[str]:
    now = datetime.now(UTC)
    with Vault.open(home) as vault:
        vault.create_tenant_key("acme")
        rotate_at = None if rotate_in is None else now + timedelta(days=rotate_in)
        for name in ("m365/secret", "other"):
            if not vault.versions("acme", name):
                vault.put("acme", name, SecretStr("x"), kind="password", rotate_at=rotate_at)
        found, unknown = due_everywhere(vault, now + timedelta(days=days), limits_of(TenantStore(home)))
    assert unknown == []
    return [one.name for one in found]


def test_what_the_file_names_is_due_when_the_file_says(home: Home) -> None:
    assert names(home, 89) == []
    assert names(home, 91) == ["m365/secret"]  # nobody rotates what no provider signs in with


def test_an_earlier_day_of_its_own_counts(home: Home) -> None:
    assert names(home, 31, rotate_in=30) == ["m365/secret", "other"]


def test_a_file_that_changed_is_read_again_and_a_broken_one_says_nothing(home: Home) -> None:
    assert names(home, 91) == ["m365/secret"]
    path = home.tenants / "acme.yaml"
    path.write_text(FILE.replace("every_days: 90", "every_days: 365"), encoding="utf-8")
    assert names(home, 91) == []
    path.write_text("name: [", encoding="utf-8")
    assert names(home, 4000) == []
    assert limits_of(TenantStore(home))(MSP) == {}

"""What alerts said of a client, and what was counted for it: it goes, another client's stays, and what is in hand stops the end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.assembly import Installation
from flows.keeping import keepings
from flows.keeping_rows import Alerts, Unattended, alerts_in_hand
from tenantry.alerts.store import AlertStore
from tenantry.home import Home
from tenantry.unattended import Budget

CANARY = b"canary-5e1d-of-an-alert"


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with Installation.open(Home(tmp_path / "home")) as found:
        AlertStore(found.home.alerts_db).close()
        Budget(found.home, lambda _: None, found.journal.clock.now).close()  # type: ignore[arg-type, return-value]  # nobody asks
        yield found


def fill(home: Home, tenant: str | None, *, state: str = "run", recorded: int = 1, incident: str = "closed") -> None:
    db = sqlite3.connect(home.alerts_db)
    number = db.execute("SELECT count(*) FROM alerts").fetchone()[0]
    db.execute(
        "INSERT INTO alerts (id, source, severity, received_us, body, state, tenant, fingerprint, recorded, reason) "
        "VALUES (?, 's', 3, 1, ?, ?, ?, ?, ?, 'a run was begun')",
        (f"a{number}", CANARY, state, tenant, CANARY, recorded),
    )
    if tenant is not None:
        db.execute(
            "INSERT INTO incidents (id, tenant, state, severity, opened_us, last_us, alerts, plan, launched) VALUES (?, ?, ?, 3, 1, 1, 1, ?, 1)",
            (f"i{number}", tenant, incident, CANARY),
        )
        db.execute("INSERT INTO entities VALUES (?, ?, ?)", (tenant, CANARY, f"i{number}"))
        db.execute(
            "INSERT INTO suppressions (tenant, reason, by, made_us, until_us) VALUES (?, ?, 'kim', 1, 2)",
            (tenant, CANARY.decode()),
        )
    db.commit()
    db.close()
    if tenant is not None:
        counted = sqlite3.connect(home.unattended_db)
        counted.execute("INSERT INTO effects VALUES (?, ?, 1)", (tenant, CANARY))
        counted.commit()
        counted.close()


def test_what_they_said_goes_and_that_they_came_stays(installation: Installation) -> None:
    home = installation.home
    fill(home, "acme")
    fill(home, "other")
    places = [Alerts(installation, "acme"), Unattended(installation, "acme")]
    assert [place.count() for place in places] == [4, 1]
    for place in places:
        place.remove()
    assert [place.count() for place in places] == [0, 0]
    assert [Alerts(installation, "other").count(), Unattended(installation, "other").count()] == [4, 1]
    with sqlite3.connect(home.alerts_db) as db:
        rows = db.execute("SELECT tenant, body, state, reason FROM alerts ORDER BY seq").fetchall()
    assert rows[0] == ("acme", None, "run", "a run was begun")
    for place in (Alerts(installation, "other"), Unattended(installation, "other")):
        place.remove()
    for path in (home.alerts_db, home.unattended_db):
        beside = [path, *path.parent.glob(f"{path.name}-*")]
        assert not any(CANARY in one.read_bytes() for one in beside), "neither in free pages nor in the log"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tenant": None, "state": "accepted", "recorded": 0}, "nobody knows yet whose"),
        ({"tenant": "acme", "recorded": 0}, "not in the record"),
        ({"tenant": "acme", "incident": "open"}, "close them"),
    ],
)
def test_what_is_in_hand_stands_in_the_way(installation: Installation, more: dict[str, object], said: str) -> None:
    fill(installation.home, **more)  # type: ignore[arg-type]  # of its names
    assert any(said in one for one in alerts_in_hand(installation, "acme")[0])


def test_alerts_that_nobody_can_tell_whose_they_are_are_counted(installation: Installation) -> None:
    fill(installation.home, None, state="queue")
    fill(installation.home, "acme")
    assert alerts_in_hand(installation, "acme") == ([], 1)


def test_a_place_for_every_database_of_the_home(installation: Installation) -> None:
    """Whoever adds a database says here whether it keeps anything of a client."""
    none = {
        "people.db",
        "journal.db",
        "vault.db",
    }  # nothing of clients; payloads and the key have places by their own names
    kept = {place.where for place in keepings(installation, "acme", ("acme",))}
    home = installation.home
    known = {getattr(home, name).name for name in dir(Home) if name.endswith("_db")}
    assert known - none <= kept

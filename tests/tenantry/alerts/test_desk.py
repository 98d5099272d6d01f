"""What becomes of each alert, with a reason, and what a crash in between changes of it: nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry.alerts.desk import Decided, Desk, Limits, plan_of
from tenantry.alerts.message import open_for, seal_for_intake
from tenantry.alerts.model import Alert, Entity
from tenantry.alerts.rules import Rule, load_rules
from tenantry.alerts.store import AlertStore
from tenantry.drop.seal import new_key
from tenantry.errors import InvalidInput, RecordError
from tenantry.home import Home
from tests.support.stand import SteppingClock

RULE = Rule.model_validate(
    {
        "id": "bec",
        "when": {"entity": "account", "severity_at_least": "high"},
        "run": "business_email_compromise",
        "with": {"account": "account"},
    }
)
PRIVATE, PUBLIC = new_key()


class Place:
    """A desk, whose client is the customer ``1``."""

    def __init__(self, folder: Path, limits: Limits | None = None) -> None:
        self.clock = SteppingClock()
        self.store = AlertStore(folder / "alerts.db")
        self.policy = "reversible"
        self.over: set[str] = set()
        self.given: Sequence[Rule] = [RULE]
        self.desk = Desk(self.store, self, PRIVATE, self.clock.now, limits)
        self.sent = 0

    def tenant_of(self, source: str, customer: str | None) -> str | None:
        return {"1": "acme", "2": "globex"}.get(customer or "") if source == "defender" else None

    def unattended(self, tenant: str) -> str:
        return self.policy

    def key(self, tenant: str) -> bytes:
        return tenant.encode().ljust(32, b"k")

    def ended(self, run_id: str) -> bool:
        return run_id in self.over

    def rules(self) -> Sequence[Rule]:
        return self.given

    def send(self, *entities: str, **more: Any) -> str:
        """Accept one alert; its id."""
        self.sent += 1
        made = [Entity(type=one.partition("=")[0], id=one.partition("=")[2]) for one in entities]
        values: dict[str, Any] = {"title": "t", "severity": "high", "customer": "1", "product": "p", "same": ("t",)}
        alert = Alert.model_validate({"uid": str(self.sent), "finding": "f", "entities": made, **values, **more})
        sealed = seal_for_intake("defender", alert, b"words", PUBLIC)
        self.store.accept([("defender", sealed)], self.clock.now())
        return sealed.id

    def decide(self) -> list[Decided]:
        return self.desk.decide()

    def one(self, *entities: str, **more: Any) -> Decided:
        self.send(*entities, **more)
        (found,) = self.decide()
        return found


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_rule_starts_a_run(place: Place) -> None:
    found = place.one("account=dana@acme.example")
    assert (found.state, found.tenant, found.reason) == ("run", "acme", "the rule bec")
    (incident,) = place.store.unlaunched()
    assert (incident.runbook, incident.rule) == ("business_email_compromise", "bec")
    assert plan_of(place.key("acme"), incident) == ({"account": "dana@acme.example"}, "reversible")
    place.store.launched(incident.id)
    assert place.store.unlaunched() == []


def test_one_incident_gets_one_run(place: Place) -> None:
    first = place.one("account=dana@acme.example")
    again = place.one("account=DANA@acme.example")
    other = place.one("account=dana@acme.example", same=("u",), title="u")
    assert (again.state, other.state) == ("merged", "merged")
    assert again.reason == f"the same as alert {first.id}"
    assert other.reason == "about the same as what is open"
    assert again.incident == other.incident == first.incident
    assert len(place.store.unlaunched()) == 1
    assert place.store.incident(first.incident or "").alerts == 3


def test_what_is_told_of_another_client_is_another_incident(place: Place) -> None:
    assert place.one("account=a@x.example").incident != place.one("account=a@x.example", customer="2").incident


def test_entities_tie_alerts_together_and_addresses_do_not(place: Place) -> None:
    first = place.one("account=a@x.example", "address=203.0.113.1")
    assert place.one("account=b@x.example", "address=203.0.113.1").incident != first.incident
    tied = place.one("host=pc-1", "account=a@x.example")
    assert tied.incident == first.incident
    assert place.one("host=pc-1").incident == first.incident


def test_what_names_nobody_is_merged_with_what_tells_the_same(place: Place) -> None:
    first = place.one(severity="low")
    assert first.state == "queue"
    assert place.one(severity="low").incident == first.incident
    assert place.one(severity="low", same=("u",)).incident != first.incident


@pytest.mark.parametrize(
    ("entities", "more", "why"),
    [
        (("account=a@x.example",), {"severity": "medium"}, "no rule is about it"),
        (("account=a@x.example", "account=b@x.example"), {}, "it names 2"),
        (("account=${params}",), {}, "none that a run takes"),
        (("account=a@x.example",), {"customer": "9"}, "no client is called so"),
    ],
)
def test_what_no_run_takes_waits_with_a_reason(place: Place, entities: tuple[str, ...], more: Any, why: str) -> None:
    found = place.one(*entities, **more)
    assert found.state == "queue"
    assert why in found.reason
    assert place.store.unlaunched() == []


def test_who_agreed_to_nothing_by_itself_gets_no_run(place: Place) -> None:
    place.policy = "none"
    found = place.one("account=a@x.example")
    assert (found.state, place.store.unlaunched()) == ("queue", [])
    assert "agreed to nothing" in found.reason


def test_an_incident_in_the_queue_gets_its_run_by_a_worse_alert(place: Place) -> None:
    first = place.one("account=a@x.example", severity="low")
    second = place.one("account=a@x.example", severity="critical")
    assert (first.state, second.state, second.incident) == ("queue", "run", first.incident)
    assert [one.id for one in place.store.unlaunched()] == [first.incident]
    assert place.store.incident(first.incident or "").severity == "critical"


def test_a_suppression_has_an_end_and_a_reason(place: Place) -> None:
    found = place.one("account=a@x.example", severity="low")
    mark = place.store.alert(found.id).fingerprint
    now = place.clock.now()
    number = place.store.suppress(
        tenant="acme", source=None, fingerprint=mark, reason="a test", by="ann", now=now, until=now + timedelta(hours=1)
    )
    quiet = place.one("account=a@x.example", severity="low")
    assert quiet.state == "suppressed"
    assert "ann" in quiet.reason
    assert "a test" in quiet.reason
    assert place.one("account=b@x.example", severity="low").state == "queue"
    assert place.one("account=a@x.example", severity="low", customer="2").state == "queue"
    place.clock.at += timedelta(hours=2)
    assert place.one("account=a@x.example", severity="low").state == "merged"
    with pytest.raises(InvalidInput):
        place.store.lift(number, place.clock.now())


def test_what_is_over_opens_nothing(place: Place) -> None:
    assert place.one("account=a@x.example", resolved=True).state == "suppressed"
    first = place.one("account=a@x.example")
    told = place.one("account=a@x.example", resolved=True)
    assert (told.state, told.incident) == ("merged", first.incident)


def test_long_after_its_run_an_incident_takes_nothing_more(place: Place) -> None:
    first = place.one("account=a@x.example")
    place.store.launched(first.incident or "")
    place.clock.at += timedelta(hours=5)
    assert place.one("account=a@x.example").incident == first.incident, "its run is not over"
    place.over.add(place.store.incident(first.incident or "").run_id or "")
    assert place.one("account=a@x.example").incident == first.incident, "it was heard of lately"
    place.clock.at += timedelta(hours=5)
    assert place.one("account=a@x.example").state == "run"
    assert place.store.incident(first.incident or "").state == "closed"


def test_a_storm_begins_so_many_runs_and_no_more(tmp_path: Path) -> None:
    place = Place(tmp_path, Limits(runs_of_one=3, runs=4))
    for n in range(6):
        place.send(f"account=a{n}@x.example")
    place.send("account=b@x.example", customer="2")
    place.send("account=c@x.example", customer="2")
    states = [one.state for one in place.decide()]
    assert states == ["run"] * 3 + ["queue"] * 3 + ["run", "queue"]
    place.clock.at += timedelta(minutes=11)
    assert place.one("account=later@x.example").state == "run"


def test_the_worst_are_first(place: Place) -> None:
    for severity in ("low", "critical", "info", "high"):
        place.send(f"account={severity}@x.example", severity=severity)
    assert [one.alert.severity for one in place.decide() if one.alert] == ["critical", "high", "low", "info"]


def test_it_lies_under_its_clients_key_from_then_on(place: Place) -> None:
    found = place.one("account=dana@acme.example")
    row = place.store.alert(found.id[:8])
    assert open_for(place.key("acme"), row.id, row.body or b"")[1] == b"words"
    with pytest.raises(RecordError):
        open_for(place.key("globex"), row.id, row.body or b"")
    assert row.state == "run"


def test_what_cannot_be_read_waits_for_a_person(place: Place) -> None:
    one = place.send("account=a@x.example")
    with place.store.transaction() as db:
        db.execute("UPDATE alerts SET body = ? WHERE id = ?", (b"altered", one))
    (found,) = place.decide()
    assert (found.state, found.tenant) == ("queue", "_msp")


def test_killed_before_its_commit_it_decides_the_same_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        place.send(f"account=a{n % 2}@x.example")

    class Killed(BaseException):
        pass

    original = Desk._decide
    calls: list[int] = []

    def dies(self: Desk, *given: Any) -> Decided:
        calls.append(1)
        if len(calls) == 4:
            raise Killed
        return original(self, *given)

    monkeypatch.setattr(Desk, "_decide", dies)
    with pytest.raises(Killed):
        place.decide()
    assert place.store.counts() == {"accepted": 5}
    assert place.store.incidents() == []
    monkeypatch.undo()
    assert sorted(one.state for one in place.decide()) == ["merged", "merged", "merged", "run", "run"]


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(["low", "high"]), st.sampled_from(["1", "2", "9"]), st.booleans()),
        max_size=25,
    )
)
def test_every_alert_ends_somewhere_and_no_entity_has_two_incidents(
    tmp_path_factory: pytest.TempPathFactory, sent: Any
) -> None:
    place = Place(tmp_path_factory.mktemp("desk"))
    for entity, severity, customer, resolved in sent:
        place.send(f"account=a{entity}@x.example", severity=severity, customer=customer, resolved=resolved)
        if entity % 2:
            place.decide()
    place.decide()
    rows = place.store.alerts(most=1_000)
    assert len(rows) == len(sent)
    assert all(row.state in {"run", "queue", "merged", "suppressed"} and row.reason for row in rows)
    incidents = place.store.incidents(every=True)
    assert len(incidents) <= len({(entity, customer) for entity, _, customer, _ in sent if customer != "9"})
    assert sum(one.alerts for one in incidents) == sum(1 for row in rows if row.incident is not None)
    place.store.close()


def test_the_shipped_rules_hold(tmp_path: Path) -> None:
    home = Home(tmp_path / "home").ensure()
    shipped = load_rules(home)
    assert {rule.run for rule in shipped} >= {"business_email_compromise", "leaked_cloud_key", "compromised_host"}
    own = home.runbooks / "alerts" / "rules"
    own.mkdir(parents=True)
    (own / "a.yaml").write_text("rules: [{id: mine, when: {tenants: [acme]}}]", encoding="utf-8")
    assert load_rules(home)[0].id == "mine"
    (own / "b.yaml").write_text("rules: [{id: mine}]", encoding="utf-8")
    with pytest.raises(InvalidInput, match="mine"):
        load_rules(home)

"""A sweep as the service carries it: by a child that has no key of its own, compared with the one before, in the client's record."""

from __future__ import annotations

from flows.sweeping import RUNBOOK, accept, found_by, last_sweep
from tests.flows.stand import ENDED, TENANT, Stand


def swept(stand: Stand) -> str:
    run = stand.begin(RUNBOOK, {"tenant": TENANT})
    state = stand.wait_for(run, *ENDED)
    assert state["state_name"] in ("Completed", "Completed with exceptions"), (state["state"], stand.worker_log())
    return run


def test_a_sweep_is_a_run_like_any_other(stand: Stand) -> None:
    path = stand.home.tenants / f"{TENANT}.yaml"
    before = path.read_text(encoding="utf-8")
    path.write_text(f"{before}sweep: {{open_incidents: true}}\n", encoding="utf-8")
    try:
        first = swept(stand)
    finally:
        path.write_text(before, encoding="utf-8")
    with stand.opened() as installation:
        found = last_sweep(installation, TENANT)
        assert found is not None
        assert found == found_by(installation, installation.state(first))
        critical = {one["id"] for one in found["findings"] if one["severity"] == "critical"}
        opened = [one for one in installation.journal.runs(TENANT) if one.runbook == "business_email_compromise"]
        state = next(state for one in opened if (state := installation.state(one.run_id)).requester.get("run") == first)
        assert set(state.requester["findings"]) == critical  # all of them are about one mailbox
        assert state.start_unproven
        end = installation.journal.clock.now().replace(microsecond=0)
        for one in critical:
            accept(installation, TENANT, one, reason="a test", until=end.replace(year=end.year + 1), by="ann")
    second = swept(stand)
    with stand.opened() as installation:
        found = found_by(installation, installation.state(second))
        assert found is not None
        assert found["since_last"]["run_id"] == first
        assert {one["id"] for one in found["accepted"]} == critical
        assert found["since_last"]["gone"] == []
    stand.command("cancel", state.run_id)  # the keeper would take it up

from __future__ import annotations

from integrations.lab.scenarios.bec import ATTACKER_IP, COLLECTOR, OTHER_ATTACKER_IP
from tests.integrations.lab.stand import Stand


async def test_nothing_of_an_attacker_is_there() -> None:
    stand = Stand(scenario="quiet")
    await stand.sign_in()
    info = stand.lab.scenario_info()
    assert (info["name"], info["compromised"], info["artefacts"], info["began_at"]) == ("quiet", [], {}, None)
    assert f"users/{stand.finance}" in info["innocent"]
    tenant = stand.lab.tenant
    assert not {row["ipAddress"] for row in tenant.sign_ins} & {ATTACKER_IP, OTHER_ATTACKER_IP}
    assert COLLECTOR not in str(tenant.unified)
    rows = await stand.run("Get-InboxRule", Mailbox=stand.finance, IncludeHidden=True)
    assert len(rows) == 4
    assert await stand.every("identityProtection/riskyUsers") == []
    assert (await stand.run("Get-Mailbox", Identity=stand.finance))[0]["ForwardingSmtpAddress"] is None

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.conformance.directory_logs import DirectoryLogsConformance, DirectoryLogsWorld
from tests.integrations.microsoft365.conftest import Stand, check_contract, lab_stand


@pytest.fixture
async def stand() -> AsyncIterator[Stand]:
    found = lab_stand("breached", users=30)
    yield found
    for handle in found.handles:
        await handle.aclose()
    check_contract(found.wire.requests)


@pytest.fixture
async def world(stand: Stand) -> DirectoryLogsWorld:
    typed, silent = stand.story["artefacts"]["second_sign_ins"]["ids"][:2]
    application = next(row for row in stand.lab.tenant.sign_ins if "servicePrincipal" in row["signInEventTypes"])
    return DirectoryLogsWorld(
        provider=(await stand.open()).capability("directory_logs"),
        typed=typed,
        silent=silent,
        application=str(application["id"]),
        audit=str(stand.lab.tenant.directory_audits[0]["id"]),
        since=stand.since,
        until=stand.until,
    )


class TestDirectoryLogs(DirectoryLogsConformance):
    pass

"""ARCHITECTURE.md says which calls ran on stand-ins of our own: all of them, and no others; and has a row for each capability of these vendors."""

from __future__ import annotations

import re
from pathlib import Path

import botocore.session

from integrations.aws.provider import PROVIDER as AWS
from integrations.linux.provider import PROVIDER as LINUX
from integrations.messages.provider import PROVIDER as MESSAGES
from integrations.microsoft365.provider import PROVIDER as MICROSOFT365
from tests.support.aws_gaps import Gaps

TEXT = (Path(__file__).resolve().parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
TABLE = TEXT.partition("## What ran on what")[2].partition("\n## ")[0]


def played() -> set[str]:
    """Every operation that a stand-in answers, by botocore's own description of the services."""
    gaps, session, found = Gaps(), botocore.session.Session(), set()
    for service in {service for service, _ in gaps._table()}:
        model = session.get_service_model(service)
        for name in model.operation_names:
            http = model.operation_model(name).http
            path = re.sub(r"\{\w+\+?\}", "x", http["requestUri"].partition("?")[0])
            asked = f"{http['method']} {path}" if model.protocol.startswith("rest") else name
            if gaps.find(service, asked) is not None:
                found.add(f"{service}.{name}")
    return found


def test_the_table_names_every_stand_in_and_nothing_else() -> None:
    assert set(re.findall(r"`(\w+\.\w+)`", TABLE)) == played()


def test_every_capability_has_a_row() -> None:
    rows = set(re.findall(r"^\| `(\w+)` (\w+) \|", TABLE, re.MULTILINE))
    vendors = (AWS, LINUX, MESSAGES, MICROSOFT365)
    assert rows == {(vendor.vendor, capability) for vendor in vendors for capability in vendor.capabilities}


def test_the_table_names_every_cmdlet_that_is_sent() -> None:
    folder = Path(__file__).resolve().parents[2] / "integrations" / "microsoft365"
    sent = {name for file in folder.glob("*.py") for name in re.findall(r'"([A-Z][a-z]+-[A-Z]\w+)"', file.read_text())}
    shown = set(re.findall(r"`([A-Z][a-z]+-[A-Z]\w+)`", TABLE))
    assert shown == {
        name for name in sent if name.partition("-")[0] in ("Get", "Set", "Add", "Remove", "Enable", "Disable")
    }

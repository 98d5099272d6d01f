"""A run's timeline and evidence bundle, as the commands and the demonstration write them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.assembly import Installation
    from tenantry.journal import Stored
    from tenantry.run import RunState
    from tenantry.runbook import Runbook
    from tenantry.timeline import Timeline
    from tenantry.timeline.bundle import Bundle

__all__ = ["anchored", "attested", "bundle", "streamed"]


def bundle(installation: Installation, state: RunState, folder: Path) -> Bundle:
    """Write the run's evidence bundle into a new or empty folder.

    Raises:
        Refused: a run of the estate: its entries stand in the tree that witnesses all clients', and a bundle's proofs go through it.
    """
    from flows.report import timeline_of
    from tenantry.errors import Refused
    from tenantry.names import MSP
    from tenantry.timeline import export_evidence

    if state.tenant == MSP:
        raise Refused(
            "a run of the estate is in the MSP's own record, and no client's evidence",
            remedy="`tenantry timeline` exports it, and `tenantry journal verify` checks the whole record.",
        )
    stored = installation.ledger.checkpoint(state.tenant)
    if stored is not None:
        anchored(installation, stored)
    built, records = timeline_of(installation, state)
    return export_evidence(
        folder,
        timeline=built,
        records=records,
        run=installation.view(state.run_id),
        store=installation.evidence,
        ledger=installation.ledger,
    )


def anchored(installation: Installation, stored: Stored) -> None:
    """Have the checkpoint time-stamped where the estate has an authority. One that does not answer keeps nobody from
    exporting: it is said, and the bundle says that it has no time stamp."""
    import asyncio

    import click

    from tenantry.errors import NotProven, ProviderError

    try:
        asyncio.run(installation.anchor(stored))
    except (ProviderError, NotProven) as error:
        click.echo(f"tenantry: no time stamp: {error.message}", err=True)


def attested(installation: Installation, state: RunState) -> tuple[dict[str, Any], bytes]:
    """The signed statement over a run that has ended, after its entries and its evidence were verified.

    Raises:
        NotProven: it has not ended, or something does not verify.
        RecordError: a collected file is missing or damaged.
    """
    from flows.report import timeline_of
    from tenantry.timeline.proofs import prove_run, run_statement

    built, records = timeline_of(installation, state)
    proven = prove_run(installation.ledger, state.tenant, records)
    for row in built.evidence:
        installation.evidence.verify(state.tenant, row.sha256)
    said = run_statement(built, records, proven, len(built.evidence))
    return said, installation.ledger.attest(said, proven.estate.epoch)


def streamed(installation: Installation, run: str) -> Timeline:
    """The run's timeline for formats that are rows: the same events, read one by one, however many there are."""
    from console.session import find_index
    from flows.report import client_title
    from tenantry.errors import TenantryError
    from tenantry.runbook import parse_runbook
    from tenantry.timeline import stream

    def runbook(run_id: str, text: str) -> Runbook | None:
        try:
            return parse_runbook(text, source=f"run {run_id}", registry=installation.registry)
        except TenantryError:  # it no longer loads here: a task was taken away
            return None

    index = find_index(installation, run)
    return stream(
        installation.journal, index.run_id, runbook=runbook, tenant_title=client_title(installation, index.tenant)
    )

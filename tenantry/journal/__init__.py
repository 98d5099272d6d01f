"""The append-only record. An entry counts only once it is durable; what a run may skip, it skips because of an entry."""

from tenantry.journal.checkpoints import Signer, Stored
from tenantry.journal.entry import Entry, Event, Record
from tenantry.journal.lease import Fence, Lease, LeaseHeld
from tenantry.journal.ledger import Ledger, Proof, Witnessed
from tenantry.journal.migrate import blank
from tenantry.journal.runs import RunIndex, Unsettled
from tenantry.journal.store import Journal
from tenantry.journal.verify import Verification
from tenantry.journal.writer import Writer
from tenantry.names import MSP

__all__ = [
    "MSP",
    "Entry",
    "Event",
    "Fence",
    "Journal",
    "Lease",
    "LeaseHeld",
    "Ledger",
    "Proof",
    "Record",
    "RunIndex",
    "Signer",
    "Stored",
    "Unsettled",
    "Verification",
    "Witnessed",
    "Writer",
    "blank",
]

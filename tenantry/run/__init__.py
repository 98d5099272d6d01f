"""Running a runbook: the journal decides.

:mod:`engine` walks the graph, :mod:`steps` executes one item, :mod:`undo` puts back, :mod:`state` folds the record,
:mod:`view` shows it. For each effect: intent recorded and durable → apply → verify → outcome recorded and durable.
"""

from tenantry.run.access import Surroundings, TenantAccess
from tenantry.run.engine import Around, Engine, Observer, Session, StepCall, create, directly, record_new
from tenantry.run.policy import Policy
from tenantry.run.report import StepReport
from tenantry.run.state import START, Gate, Intent, ItemState, RunState, Status, fold
from tenantry.run.view import approval_view, run_view, waiting_view

__all__ = [
    "START",
    "Around",
    "Engine",
    "Gate",
    "Intent",
    "ItemState",
    "Observer",
    "Policy",
    "RunState",
    "Session",
    "Status",
    "StepCall",
    "StepReport",
    "Surroundings",
    "TenantAccess",
    "approval_view",
    "create",
    "directly",
    "fold",
    "record_new",
    "run_view",
    "waiting_view",
]

"""Runbooks: their model, how a file is read and checked, expressions, message templates, and the published schema."""

from tenantry.runbook.cacao import Playbook, cacao_playbook
from tenantry.runbook.expressions import (
    SKIPPED,
    Expression,
    ExpressionFailed,
    condition,
    expand,
    item_key,
    resolve,
    step_value,
)
from tenantry.runbook.load import keep_checked, load_runbook, parse_runbook, pinned_runbook
from tenantry.runbook.model import (
    NOTIFY_TASK,
    Approve,
    Message,
    Param,
    Runbook,
    Step,
    parse_duration,
    validate_params,
)
from tenantry.runbook.schema import runbook_json_schema
from tenantry.runbook.templates import Rendered, TemplateFailed, Templates, render

__all__ = [
    "NOTIFY_TASK",
    "SKIPPED",
    "Approve",
    "Expression",
    "ExpressionFailed",
    "Message",
    "Param",
    "Playbook",
    "Rendered",
    "Runbook",
    "Step",
    "TemplateFailed",
    "Templates",
    "cacao_playbook",
    "condition",
    "expand",
    "item_key",
    "keep_checked",
    "load_runbook",
    "parse_duration",
    "parse_runbook",
    "pinned_runbook",
    "render",
    "resolve",
    "runbook_json_schema",
    "step_value",
    "validate_params",
]

"""`checks.cloud_exposure.function_code_changed`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class FunctionCodeChanged(LogCheck):
    """A function's code was replaced by a person's key, or it loads a stranger's layer.

    ATT&CK T1648, T1525; https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html
    """

    name = "checks.cloud_exposure.function_code_changed"
    title = "Function's code or layers changed"
    severity = "medium"
    attack = ("T1648", "T1525")
    remedy = "Deploy the function anew from its source."
    collect = cloud_events
    rules = (
        "aws_function_code_by_user",
        "aws_function_layer_outside",
        "aws_function_layer_by_key",
        "aws_function_address_public",
        "aws_task_reads_credentials",
    )

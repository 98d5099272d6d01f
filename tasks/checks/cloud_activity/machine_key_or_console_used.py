"""`checks.cloud_activity.machine_key_or_console_used`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class MachineKeyOrConsoleUsed(LogCheck):
    """A key was pushed to an instance, or its serial console opened.

    ATT&CK T1098.004, T1021.004; https://docs.aws.amazon.com/ec2-instance-connect/latest/APIReference/API_SendSSHPublicKey.html
    """

    name = "checks.cloud_activity.machine_key_or_console_used"
    title = "Key pushed to an instance, or serial console"
    severity = "medium"
    attack = ("T1098.004", "T1021.004")
    remedy = "Ask who it was; look at the instance."
    collect = cloud_events
    rules = (
        "aws_lightsail_key_taken",
        "aws_certificate_exported",
        "aws_metadata_guard_removed",
        "aws_instance_connect",
        "aws_sessions_on_several_instances",
        "aws_console_screenshots",
        "aws_notebook_address_made",
    )

"""`checks.cloud_activity.commands_on_instances`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class CommandsOnInstances(LogCheck):
    """Scripts were run on instances, or sessions begun, in numbers or by a person's key.

    ATT&CK T1651, T1021.007; https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
    """

    name = "checks.cloud_activity.commands_on_instances"
    title = "Scripts run through Systems Manager"
    severity = "medium"
    attack = ("T1651", "T1021.007")
    remedy = "Read the commands' output in Systems Manager, and look at the instances."
    collect = cloud_events
    rules = ("aws_machine_registered", "aws_commands_on_many_instances", "aws_command_by_user")

"""`checks.cloud_activity.start_scripts_touched`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class StartScriptsTouched(LogCheck):
    """An instance's start script was changed, or those of many instances were read.

    ATT&CK T1578, T1552.005; https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html
    """

    name = "checks.cloud_activity.start_scripts_touched"
    title = "Instances' user data changed or read"
    severity = "medium"
    attack = ("T1578", "T1552.005")
    remedy = "Compare the script with what was meant; change what secrets stood in it."
    collect = cloud_events
    rules = ("aws_user_data_changed", "aws_user_data_read_in_bulk", "aws_user_data_refused", "aws_notebook_backdoored")

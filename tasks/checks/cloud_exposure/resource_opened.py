"""`checks.cloud_exposure.resource_opened`"""

from __future__ import annotations

from tasks.checks._collect.cloud_log import cloud_events
from tenantry.sweep.check import LogCheck


class ResourceOpened(LogCheck):
    """A function, key, secret, queue or repository lets strangers in.

    ATT&CK T1098, T1537; https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
    """

    name = "checks.cloud_exposure.resource_opened"
    title = "Resource lets strangers in"
    severity = "high"
    attack = ("T1098", "T1537")
    remedy = "Put the old policy back."
    collect = cloud_events
    rules = (
        "aws_build_project_exposed",
        "aws_identity_pool_open",
        "aws_log_exported_outside",
        "aws_transfer_server_made",
        "aws_resource_opened",
        "aws_shared_through_access_manager",
        "aws_database_opened",
        "aws_database_password_set",
    )

"""The end of our own access to a client's account, by the role itself: it trusts nobody any more.

Sources (docs.aws.amazon.com):
    /IAM/latest/APIReference/API_UpdateAssumeRolePolicy.html     replaces the whole trust policy, at once for new sessions after a while
    /IAM/latest/APIReference/API_DeleteRole.html                 what hangs on a role goes first, and with it the permission to delete it
    /IAM/latest/APIReference/API_SimulatePrincipalPolicy.html    asks what is allowed

A role cannot delete itself: its policies have to be taken from it first. So it closes its door, with one call, and the client's administrator deletes
what is left, which nobody can use. Sessions that were begun before live on until they expire; ours are forgotten.

Permissions: iam:UpdateAssumeRolePolicy on itself, iam:SimulatePrincipalPolicy.
"""

from __future__ import annotations

import json
from typing import Final

from integrations.aws.caller import Caller
from tenantry.errors import PermissionMissing, Rejected, TargetNotFound

__all__ = ["NOBODY", "Departure"]

NOBODY: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Sid": "Ended", "Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
"""A trust policy by which a role trusts nobody."""
_NEEDED: Final = "iam:UpdateAssumeRolePolicy"


class Departure:
    """Of one role.

    Args:
        caller: signs as that role.
        role: its resource name.
    """

    def __init__(self, caller: Caller, role: str) -> None:
        self._caller = caller
        self._role = role

    async def can(self) -> bool:
        """Whether it may change its own trust policy; False where that cannot be asked. Raises ProviderError."""
        given = {"PolicySourceArn": self._role, "ActionNames": [_NEEDED], "ResourceArns": [self._role]}
        try:
            pages = self._caller.pages("iam", "simulate_principal_policy", "EvaluationResults", **given)
            rows = [row async for page in pages for row in page["EvaluationResults"]]
        except (PermissionMissing, Rejected, TargetNotFound):
            return False
        return bool(rows) and all(row.get("EvalDecision") == "allowed" for row in rows)

    async def leave(self) -> None:
        """Close it. Raises ProviderError, InDoubt."""
        name = self._role.rpartition("/")[2]
        await self._caller.write("iam", "update_assume_role_policy", RoleName=name, PolicyDocument=json.dumps(NOBODY))

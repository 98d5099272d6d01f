"""An account at the stand that is set up against mishaps: what `cloud_hardening` reads, as it should be, in the tenant's first region."""

from __future__ import annotations

from tests.support.aws_stand import REGIONS, Account

__all__ = ["database", "harden"]


def harden(account: Account) -> None:
    """Rules for passwords; in the first region enciphered disks, a flow log and an empty default group in the network, a good database."""
    account.client("iam").update_account_password_policy(MinimumPasswordLength=14, PasswordReusePrevention=24)
    ec2 = account.client("ec2", REGIONS[0])
    ec2.enable_ebs_encryption_by_default()
    for network in ec2.describe_vpcs()["Vpcs"]:
        ec2.create_flow_logs(
            ResourceIds=[network["VpcId"]],
            ResourceType="VPC",
            TrafficType="ALL",
            LogDestinationType="s3",
            LogDestination=f"arn:aws:s3:::{flows(account)}",
        )
    named = [{"Name": "group-name", "Values": ["default"]}]
    for group in ec2.describe_security_groups(Filters=named)["SecurityGroups"]:
        ec2.revoke_security_group_egress(GroupId=group["GroupId"], IpPermissions=group["IpPermissionsEgress"])
        if group["IpPermissions"]:
            ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
    database(account, "good", good=True)


def flows(account: Account) -> str:
    """A bucket for flow logs."""
    name = f"flows-{account.id}"
    account.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGIONS[0]})
    return name


def database(account: Account, name: str, *, good: bool) -> None:
    """One that the vendor runs, made well or carelessly."""
    account.client("rds", REGIONS[0]).create_db_instance(
        DBInstanceIdentifier=name,
        Engine="postgres",
        DBInstanceClass="db.t3.micro",
        MasterUsername="app",
        MasterUserPassword="canary-passw0rd",
        AllocatedStorage=10,
        StorageEncrypted=good,
        PubliclyAccessible=not good,
        BackupRetentionPeriod=14 if good else 0,
        AutoMinorVersionUpgrade=good,
        DeletionProtection=good,
    )

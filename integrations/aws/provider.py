"""AWS: the capabilities of one client's account, through a role that trusts the MSP's hub.

The hub's credential is the estate's, in ``estate.yaml``::

    providers:
      aws:
        vendor: aws
        secrets:
          key: vault:_msp/aws-key                # ID:SECRET; or access_key and secret_key apart, which cannot be exchanged
          mfa_seed: vault:_msp/aws-mfa-seed      # SERIAL SEED of its second factor; or the seed alone, and mfa_serial in settings

A client's account in its own file, and what the client is called there::

    estate_handles: {aws: "123456789012"}
    providers:
      aws:
        vendor: aws
        settings:
          account: "123456789012"
          role: TenantryResponse
          external_id: tn-3f9a1c7e5d              # made for this client alone
          regions: [eu-central-1, eu-west-1]

The promise: the handle reaches the account of both files and nothing else. They must agree; what the role leads to is asked who it is; resource
names of other accounts are refused before anything is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from integrations.aws.settings import HubSettings, Settings
from tenantry.errors import InvalidTenant, OutOfScope
from tenantry.least import Grant
from tenantry.providers import Endpoint, Estate, Ours, ProviderCheck, SecretSource

if TYPE_CHECKING:
    from integrations.aws.caller import Caller, Limits
    from integrations.aws.hub import HubHandle
    from integrations.aws.place import S3Place
    from integrations.aws.session import AccountSessions

__all__ = ["CAPABILITIES", "PROVIDER", "AwsHandle", "AwsProvider", "HubSettings", "Settings"]

VENDOR: Final = "aws"
CAPABILITIES: Final = (
    *("cloud_identity", "cloud", "storage", "dns", "backup", "cloud_machines", "cloud_logs", "findings"),
    *("cloud_access", "cloud_watch", "cloud_exposure", "cloud_hardening", "security_alerts"),
)


class AwsHandle:
    """One account, opened."""

    def __init__(
        self,
        settings: Settings,
        hub: HubSettings,
        caller: Caller,
        sessions: AccountSessions,
        capabilities: dict[str, Any],
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._caller = caller
        self._sessions = sessions
        self._capabilities = capabilities

    def capability(self, name: str) -> Any:
        """One of :data:`CAPABILITIES`. Raises OutOfScope for any other."""
        try:
            return self._capabilities[name]
        except KeyError:
            raise OutOfScope(f"{VENDOR} does not offer {name!r}", vendor=VENDOR) from None

    def place(self, bucket: str, prefix: str = "") -> S3Place:
        """A bucket of the account as a place to hand over to."""
        from integrations.aws.place import S3Place

        return S3Place(self._caller, bucket, prefix, account=self._settings.account)

    async def ours(self) -> Ours:
        """The client's own account, and the hub's as far as its settings name it."""
        named = (self._hub.hub_role, self._hub.mfa_serial)
        hub = {arn.split(":")[4] for arn in named if arn is not None}
        return Ours(cloud_accounts=frozenset({self._settings.account, *hub}))

    async def check(self) -> ProviderCheck:
        """Signed in, refused without the external id, what is allowed and what is allowed too much."""
        from integrations.aws.checkup import check

        return await check(self._caller, self._sessions, self._settings)

    async def tried(self, names: Iterable[str]) -> dict[str, bool | None]:
        """As `tenantry.providers.Tries`."""
        from integrations.aws.checkup import tried

        return await tried(self._caller, names)

    async def can_depart(self) -> bool:
        """As `tenantry.providers.Departs`: whether the role may close itself."""
        from integrations.aws.departure import Departure

        return await Departure(self._caller, self._settings.role_arn).can()

    async def depart(self) -> None:
        """The role trusts nobody from now on."""
        from integrations.aws.departure import Departure

        await Departure(self._caller, self._settings.role_arn).leave()

    def remains(self) -> tuple[str, ...]:
        """As `tenantry.providers.LeavesBehind`."""
        return (f"role {self._settings.role_arn}, which trusts nobody any more: delete it, or the stack that made it",)

    async def aclose(self) -> None:
        """Forget the sessions. Calls under way send nothing more."""
        self._sessions.close()
        await self._caller.aclose()


def _roles(clients: Iterable[Mapping[str, Any]]) -> list[str]:
    return [Settings.model_validate(dict(one)).role_arn for one in clients]


class AwsProvider:
    """The vendor, for the assembly."""

    vendor = VENDOR
    capabilities = CAPABILITIES
    Settings: type[BaseModel] = Settings
    EstateSettings: type[BaseModel] = HubSettings
    secrets = ("key", "access_key", "secret_key", "mfa_seed")
    rotates = ("key", "mfa_seed")

    def endpoints(self, settings: Any, estate: Mapping[str, Any] | None = None) -> tuple[Endpoint, ...]:
        """As `tenantry.providers.Reaches`: each service in each region, as botocore's rules resolve it."""
        own, hub = Settings.model_validate(settings), HubSettings.model_validate(dict(estate or {}))
        if hub.endpoint_url is not None:
            return (Endpoint.of(hub.endpoint_url, "stand-in for AWS"),)
        from integrations.aws.connecting import addresses

        return addresses(own, hub)

    async def open(
        self, settings: Any, secrets: SecretSource, *, estate: Estate | None = None, limits: Limits | None = None
    ) -> AwsHandle:
        """A handle of one account; signs in at first use.

        Args:
            settings: a :class:`Settings`.
            secrets: gives the hub's ``key`` and ``mfa_seed``.
            estate: the hub's settings, and the account that this client is in the estate's eyes.
            limits: how much the client may do.

        Raises:
            OutOfScope: the client's file and its handle at the estate name different accounts.
            InvalidTenant: the client has no handle at the estate's provider.
        """
        # Imported here, so that naming the vendor and checking a tenant's file load no SDK.
        from integrations.aws.access import AwsAccess
        from integrations.aws.backups import AwsBackup
        from integrations.aws.caller import Caller
        from integrations.aws.cloudtrail import AwsLogs
        from integrations.aws.detections import AwsFindings
        from integrations.aws.ec2 import AwsCloud
        from integrations.aws.everywhere import Regions
        from integrations.aws.exposure import AwsExposure
        from integrations.aws.hardening import AwsHardening
        from integrations.aws.iam import AwsIdentity
        from integrations.aws.machines import AwsMachines
        from integrations.aws.organization import Organization
        from integrations.aws.route53 import AwsDns
        from integrations.aws.s3 import AwsStorage
        from integrations.aws.security_alerts import AwsSecurityAlerts
        from integrations.aws.session import AccountSessions
        from integrations.aws.watch import AwsWatch

        own = Settings.model_validate(settings)
        if estate is None:
            raise InvalidTenant(
                "AWS is reached through the estate's provider, and this client has no handle there",
                remedy="Name the client's account under estate_handles in its file, and the hub in estate.yaml.",
            )
        if estate.handle != own.account:
            raise OutOfScope(
                f"the client's settings name the account {own.account}, its handle at the estate {estate.handle}",
                remedy="Correct the tenant's file: both must be the client's own account.",
                vendor=VENDOR,
            )
        hub = HubSettings.model_validate(dict(estate.settings))
        sessions = AccountSessions(own, hub, secrets)
        caller = Caller(sessions, own.regions, own.account, limits)
        regions, organization = Regions(caller), Organization(caller)
        return AwsHandle(
            own,
            hub,
            caller,
            sessions,
            {
                "cloud_identity": AwsIdentity(caller, own.account),
                "cloud": AwsCloud(caller, own.account),
                "cloud_machines": AwsMachines(caller),
                "storage": AwsStorage(caller, own.account),
                "dns": AwsDns(caller),
                "backup": AwsBackup(caller, own.account),
                "cloud_logs": AwsLogs(caller, own.account, regions),
                "findings": AwsFindings(caller),
                "security_alerts": AwsSecurityAlerts(AwsFindings(caller)),
                "cloud_access": AwsAccess(caller, own.account, own.role_arn, organization),
                "cloud_watch": AwsWatch(caller, own.account),
                "cloud_exposure": AwsExposure(caller, own.account, organization, regions),
                "cloud_hardening": AwsHardening(caller, own.account),
            },
        )

    async def open_estate(
        self, settings: Any, secrets: SecretSource, clients: Iterable[Mapping[str, Any]] = ()
    ) -> HubHandle:
        """The hub itself, for its own credential; reaches no client.

        Args:
            clients: settings of each client that is reached through it.
        """
        from integrations.aws.hub import HubHandle

        return HubHandle(HubSettings.model_validate(dict(settings)), secrets, roles=_roles(clients))

    def estate_privilege(self, settings: Any, secrets: Iterable[str], clients: Iterable[Mapping[str, Any]]) -> Grant:
        """The policy of the hub's user.

        Args:
            secrets: names of the hub's secrets in estate.yaml.
        """
        from integrations.aws.hub_rights import hub_policy

        hub = HubSettings.model_validate(dict(settings))
        roles = _roles(clients) if hub.hub_role is None else [hub.hub_role]
        return hub_policy(roles, second_factor=hub.mfa_serial is not None or "mfa_seed" in set(secrets))

    def least_privilege(self, names: Sequence[str], settings: Any) -> Grant:
        """The policy of the client's role; passing on a role is narrowed to the one that AWS Backup works as, and asking what is allowed to
        the role itself."""
        import json

        from integrations.aws.actions import least_policy

        role = None if settings is None else Settings.model_validate(dict(settings)).role_arn
        return Grant("iam", tuple(names), json.dumps(least_policy(names, role), indent=2) + "\n")


PROVIDER: Final = AwsProvider()

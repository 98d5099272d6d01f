"""Every error of the platform, in one tree.

::

    TenantryError
    ├── InvalidInput              bad option, file or value: names the place           exit 2
    │   ├── InvalidRunbook
    │   ├── InvalidPlan           a disaster recovery plan
    │   ├── InvalidTenant         (also estate.yaml)
    │   └── NotFound              no such run, tenant, runbook, person, secret …
    ├── Refused                   a rule forbids it                                    exit 5
    │   ├── Frozen                `tenantry freeze` is in force
    │   ├── ApprovalDenied
    │   ├── ApprovalExpired
    │   ├── NotAuthenticated      wrong, used or expired code; unknown or disabled person
    │   ├── OutOfScope            a provider, tenant or person outside what was granted
    │   ├── Conflict              the present value is not what this run wrote
    │   ├── NotProven             a signature, proof or digest does not hold; what would be signed was not verified
    │   ├── RateLimited           secrets were asked for faster than a run may         retryable
    │   └── LeaseLost             another process owns the run now
    ├── ProviderError             the vendor's side                                    exit 4
    │   ├── Unreachable           no connection, DNS, TLS; nothing was sent            retryable
    │   ├── Throttled             429/503 with or without Retry-After                  retryable
    │   ├── VendorFault           5xx, HTML instead of JSON, half an answer            retryable
    │   ├── InDoubt               a write was sent and its answer never came: re-check, never assume
    │   ├── SignInFailed          the tenant's token endpoint refused us
    │   ├── PermissionMissing     signed in, but this call is not granted
    │   ├── TargetNotFound        the object does not exist at the vendor
    │   ├── DestinationFull       no room, or no quota, where a hand-over goes
    │   └── Rejected              the vendor refused the request itself (4xx)
    ├── StepError                 the step's own side                                  exit 4
    │   ├── NotVerified           applied, but the effect could not be seen
    │   ├── CannotCheck           the present state could not be read: unknown, never clean
    │   ├── SourceChanged         a file was changed while it was handed over
    │   ├── NotDelivered          a package is not whole at its destination: names each file and why
    │   ├── MasteredOnPremises    the directory on premises refuses or reverts what is written in the cloud
    │   ├── TimedOut              the step's deadline passed
    │   ├── MachineExhausted      this machine has no disk or descriptors left; nothing was sent      retryable
    │   └── TaskDefect            a task raised something that is not in this tree
    └── RecordError               journal, vault or evidence                           exit 4
        ├── JournalUnavailable    disk full, locked, unreachable                       retryable
        ├── JournalCorrupt
        ├── RolledBack            the record is older than, or another than, what was signed before
        ├── VaultLocked           no master key, or a wrong one
        ├── BrokerUnavailable     the vault broker does not answer                     retryable
        ├── StoreUnavailable      a secret store does not answer, is sealed or moving  retryable
        ├── BackupUnreadable      wrong key, damaged or cut off
        └── SecretUnreadable      ciphertext does not open under this tenant and name

Each error has a stable ``code``, a one-sentence ``remedy`` and ``retryable`` (whether the same call may simply be
made again). Nobody branches on message text. Messages never contain a secret: integrations map vendors' errors at the
edge and keep only codes and request ids.
"""

from __future__ import annotations

from typing import Any, ClassVar


class TenantryError(Exception):
    """Base of the tree.

    Args:
        message: what happened, one sentence, no secrets.
        remedy: what the reader can do about it; the class's own remedy when omitted.
        detail: machine-readable facts (vendor's code, request id); strings and numbers only, no secrets.
    """

    code: ClassVar[str] = "error"
    remedy: str = "Report this with the run id."
    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 4

    def __init__(self, message: str, *, remedy: str | None = None, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        if remedy is not None:
            self.remedy = remedy
        self.detail = detail

    def as_dict(self) -> dict[str, Any]:
        """The error's JSON shape (``Step.error`` in the command line's contract)."""
        return {
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "retryable": self.retryable,
            **({"detail": self.detail} if self.detail else {}),
        }


# --- input ------------------------------------------------------------------------------------------------------------


class InvalidInput(TenantryError):
    """A value, option or file that cannot be taken. ``place`` names it: ``--option`` or ``file:line``."""

    code = "invalid_input"
    remedy = "Correct the named value and try again."
    exit_code = 2

    def __init__(self, message: str, *, place: str | None = None, remedy: str | None = None, **detail: Any) -> None:
        super().__init__(f"{place}: {message}" if place else message, remedy=remedy, **detail)
        self.place = place


class InvalidRunbook(InvalidInput):
    code = "invalid_runbook"
    remedy = "Correct the runbook at the named line; `tenantry runbooks validate PATH` checks it."


class InvalidPlan(InvalidInput):
    code = "invalid_plan"
    remedy = "Correct the named lines of the plan, then `tenantry dr check` it."


class InvalidTenant(InvalidInput):
    code = "invalid_tenant"
    remedy = "Correct the file at the named line; `tenantry tenants check` says what is still missing."


class NoProvider(InvalidTenant):
    """No system of the tenant's has what is asked for. All else that is wrong with its file is no such answer."""

    code = "no_provider"
    remedy = "Add a provider with this capability to the tenant's file."


class NotFound(InvalidInput):
    code = "not_found"
    remedy = "Check the name; the matching `list` command shows what there is."


# --- rules ------------------------------------------------------------------------------------------------------------


class Refused(TenantryError):
    """A rule of the platform forbids it; nothing was done."""

    code = "refused"
    remedy = "The rule is deliberate; ask someone with the right role."
    exit_code = 5


class Frozen(Refused):
    code = "frozen"
    remedy = "A named person lifts it with `tenantry unfreeze`; then `tenantry resume RUN`."


class ApprovalDenied(Refused):
    code = "approval_denied"
    remedy = "The approver's reason is in the record; start a new run if circumstances change."


class ApprovalExpired(Refused):
    code = "approval_expired"
    remedy = "Resume the run to ask again."


class NotAuthenticated(Refused):
    code = "not_authenticated"
    remedy = "Use the current code of an enrolled, enabled person; `tenantry people list` shows who is."


class OutOfScope(Refused):
    code = "out_of_scope"
    remedy = "This tenant, role or provider is not granted; change the estate or tenant file if it should be."


class Conflict(Refused):
    code = "conflict"
    remedy = "Somebody changed it since; look at the object and decide by hand."


class NotProven(Refused):
    """Evidence that does not hold: a wrong signature, another key, a proof that leads elsewhere."""

    code = "not_proven"
    remedy = "Keep what you have as it is, and ask for another copy and for the keys on another way."


class RateLimited(Refused):
    """``retry_after`` is in seconds."""

    code = "rate_limited"
    remedy = "Wait, and find out why one run asks for so many secrets; the record shows which."
    retryable = True

    def __init__(self, message: str, *, retry_after: float = 1.0, **detail: Any) -> None:
        super().__init__(message, **detail)
        self.retry_after = retry_after


class LeaseLost(Refused):
    code = "lease_lost"
    remedy = "Another process owns this run; follow it with `tenantry runs show RUN`."


# --- the vendor -------------------------------------------------------------------------------------------------------


class ProviderError(TenantryError):
    """Something on the vendor's side. ``detail`` carries vendor, status and request id where known."""

    code = "provider_error"
    remedy = "Check the vendor's status page and the request id, then resume the run."


class Unreachable(ProviderError):
    code = "unreachable"
    remedy = "Check the network path to the vendor, then resume the run."
    retryable = True


class Throttled(ProviderError):
    """``retry_after`` is in seconds, or None when the vendor did not say."""

    code = "throttled"
    remedy = "Wait as long as the vendor asks, then resume the run."
    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None, **detail: Any) -> None:
        super().__init__(message, **detail)
        self.retry_after = retry_after


class VendorFault(ProviderError):
    code = "vendor_fault"
    remedy = "The vendor failed; resume the run when its status page is green."
    retryable = True


class InDoubt(ProviderError):
    code = "in_doubt"
    remedy = "The write may or may not have happened; the run re-checks before it acts again."


class SignInFailed(ProviderError):
    code = "sign_in_failed"
    remedy = "Check the tenant's application id, credential and consent with `tenantry tenants check T`."


class PermissionMissing(ProviderError):
    code = "permission_missing"
    remedy = "Grant the named permission; `tenantry tenants check T` lists what each runbook needs."


class TargetNotFound(ProviderError):
    code = "target_not_found"
    remedy = "Check the id; the object may have been deleted or belong to another tenant."


class DestinationFull(ProviderError):
    """What arrived stays; nothing is lost."""

    code = "destination_full"
    remedy = "Make room at the destination, or raise its quota, then resume: what arrived whole is not sent again."


class Rejected(ProviderError):
    code = "rejected"
    remedy = "The vendor refused the request; its code and request id are in the record."


# --- the step ---------------------------------------------------------------------------------------------------------


class StepError(TenantryError):
    code = "step_error"
    remedy = "Look at the step's record, then resume the run."


class NotVerified(StepError):
    code = "not_verified"
    remedy = "The change was sent but is not visible; check the object by hand, then resume the run."


class CannotCheck(StepError):
    code = "cannot_check"
    remedy = "Unknown is not clean: restore access, then resume the run."


class SourceChanged(StepError):
    """It is not what was listed: neither the old nor the new file was handed over."""

    code = "source_changed"
    remedy = "Stop what writes to the source, then begin the hand-over anew, to an empty destination."


class NotDelivered(StepError):
    """``problems`` has a line for each file, the first hundred."""

    code = "not_delivered"
    remedy = "Look at each file named, then resume: what was verified is not sent again."

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), **detail: Any) -> None:
        super().__init__(message, problems=" · ".join(problems)[:2_000], **detail)
        self.problems = problems


class MasteredOnPremises(StepError):
    """A cloud-only write to an object synced from Active Directory: it may hold until the next sync, and never counts as
    done."""

    code = "mastered_on_premises"
    remedy = "Make the change in Active Directory and let it sync; the runbook's human step records who did."


class TimedOut(StepError):
    code = "timed_out"
    remedy = "Resume the run; what was in doubt is re-checked first."


class MachineExhausted(StepError):
    code = "machine_exhausted"
    remedy = "Free disk space or open files on this machine (`tenantry doctor` looks at both), then resume the run."
    retryable = True


class TaskDefect(StepError):
    code = "task_defect"
    remedy = "A defect in the task; report it with the run id. The run can be resumed after an upgrade."

    @classmethod
    def of(cls, what: str, error: BaseException) -> TaskDefect:
        """What something raised that is not in this tree: its kind, file and line. Enough to find it, and nothing of its values."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        at = f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else "unknown"
        return cls(f"{what} raised {type(error).__name__}", at=at)


# --- the record -------------------------------------------------------------------------------------------------------


class RecordError(TenantryError):
    code = "record_error"
    remedy = "Nothing acknowledged is lost; restore the storage named, then resume."


class JournalUnavailable(RecordError):
    code = "journal_unavailable"
    remedy = "Free the disk or restore the database named, then resume; no effect was made without its record."
    retryable = True


class JournalCorrupt(RecordError):
    code = "journal_corrupt"
    remedy = "Stop writing to it, keep a copy, and restore from the last backup."


class RolledBack(JournalCorrupt):
    """A checkpoint was signed that this record does not lead up to: it was cut, restored from a backup, or replaced."""

    code = "rolled_back"
    remedy = "Nothing is signed until the newer record is restored; the checkpoint kept beside it says how far it went."


class VaultLocked(RecordError):
    code = "vault_locked"
    remedy = "Provide the master key file or passphrase of this TENANTRY_HOME."


class BrokerUnavailable(RecordError):
    code = "broker_unavailable"
    remedy = "The service starts its broker again by itself; `tenantry doctor` says what keeps it from it."
    retryable = True


class StoreUnavailable(RecordError):
    """A secret store outside this machine cannot be used just now. Nothing was done there."""

    code = "store_unavailable"
    remedy = "Bring the secret store back (`tenantry vault stores` looks at each), then resume the run."
    retryable = True


class BackupUnreadable(RecordError):
    code = "backup_unreadable"
    remedy = "Use the passphrase or key file that the backup was made with, and a copy that is whole."


class SecretUnreadable(RecordError):
    code = "secret_unreadable"
    remedy = "The stored secret belongs to another tenant or name, or was damaged; store it again."

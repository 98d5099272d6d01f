"""The grammar of names that stand in files, ciphertexts and paths: tenants, people, roles, references to secrets.

One place, because two readings of a name are a hole: what the vault binds a ciphertext to must be exactly what a file
may say, and no name may climb out of a folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from tenantry.errors import InvalidInput

__all__ = [
    "MSP",
    "OWN_SECRETS",
    "ROLES",
    "PersonId",
    "Role",
    "SecretRef",
    "Slug",
    "TenantName",
    "check_person",
    "check_secret_name",
    "check_tenant",
]

MSP: Final = "_msp"
"""The estate itself where a tenant's name stands: its secrets, its key, its record. No client can be called so."""

OWN_SECRETS: Final = ("contacts/", "drops/", "intake/")
"""Beginnings of the names under which the platform keeps secrets of its own beside a client's: no run gets one, and nothing that
a client hands over is stored there."""

SLUG_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"
PERSON_PATTERN: Final = r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$"
_SEGMENT = r"[A-Za-z0-9](?:[A-Za-z0-9._@-]{0,126}[A-Za-z0-9])?"
_PATH = rf"{_SEGMENT}(?:/{_SEGMENT}){{0,7}}"
REF_PATTERN: Final = rf"^vault:(?:_msp|[a-z0-9](?:[a-z0-9-]{{0,61}}[a-z0-9])?)/{_PATH}$"

TenantName = Annotated[str, StringConstraints(pattern=SLUG_PATTERN)]
"""A client's short name: lower-case letters, digits and inner hyphens, at most 63."""
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$")]
"""A short name inside a file: a provider, a vendor, a regime, a capability."""
PersonId = Annotated[str, StringConstraints(pattern=PERSON_PATTERN)]
"""A person of the MSP: as a tenant's name, and inner dots and underscores."""

Role = Literal["engineer", "lead", "approver", "auditor"]
"""What a person may be asked for. ``approver`` answers approvals; ``auditor`` reads and never acts."""
ROLES: Final[tuple[Role, ...]] = get_args(Role)

# fullmatch and \Z: `$` also matches before a final newline, which would be a second spelling of the same name.
_TENANT = re.compile(SLUG_PATTERN.replace("$", r"\Z"))
_PERSON = re.compile(PERSON_PATTERN.replace("$", r"\Z"))
_SECRET_PATH = re.compile(_PATH)


def check_tenant(name: str) -> str:
    """``name`` if it is a tenant's name or ``_msp``.

    Raises:
        InvalidInput: otherwise.
    """
    if name != MSP and not _TENANT.match(name):
        raise InvalidInput(
            "a tenant's name is lower-case letters, digits and inner hyphens, at most 63", place=_shown(name)
        )
    return name


def check_person(name: str) -> str:
    """``name`` if it can be a person's id.

    Raises:
        InvalidInput: otherwise.
    """
    if not _PERSON.match(name):
        raise InvalidInput(
            "a person's id is lower-case letters, digits and inner dots, hyphens and underscores, at most 63",
            place=_shown(name),
        )
    return name


def check_secret_name(name: str) -> str:
    """``name`` if it can name a secret: up to 8 parts between slashes, each of letters, digits and ``._@-``.

    Raises:
        InvalidInput: otherwise. The name is not repeated: people paste secrets where names belong.
    """
    if len(name) > 256 or not _SECRET_PATH.fullmatch(name):
        raise InvalidInput(
            "a secret's name is letters, digits and inner . _ @ -, in at most 8 parts between slashes", place="NAME"
        )
    return name


def _shown(name: str) -> str:
    return repr(name[:80])


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret lies, never what it is: ``vault:<tenant>/<name>``. In files and results it is that text."""

    tenant: str
    name: str

    @classmethod
    def parse(cls, text: str) -> SecretRef:
        """Read ``vault:<tenant>/<name>``.

        Raises:
            InvalidInput: for anything else. The text is not repeated: it may be the secret itself.
        """
        scheme, _, rest = text.partition(":")
        tenant, _, name = rest.partition("/")
        if scheme != "vault" or not (tenant == MSP or _TENANT.match(tenant)) or len(name) > 256:
            raise InvalidInput(_NOT_A_REFERENCE)
        if not _SECRET_PATH.fullmatch(name):
            raise InvalidInput(_NOT_A_REFERENCE)
        return cls(tenant, name)

    def __str__(self) -> str:
        return f"vault:{self.tenant}/{self.name}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validate, serialization=core_schema.plain_serializer_function_ser_schema(str, when_used="always")
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": REF_PATTERN, "examples": ["vault:acme/m365/app"]}

    @classmethod
    def _validate(cls, value: Any) -> SecretRef:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(_NOT_A_REFERENCE)  # noqa: TRY004 - pydantic turns ValueError alone into a problem
        try:
            return cls.parse(value)
        except InvalidInput:
            raise ValueError(_NOT_A_REFERENCE) from None


_NOT_A_REFERENCE: Final = (
    "must be a reference, vault:<tenant>/<name>; a secret itself never stands in a file: store it with "
    "`tenantry vault put` and write its reference here"
)

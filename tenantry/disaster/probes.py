"""What a health check asks and expects; the checks of a plan as data.

A check says what a working system answers, never only that something answers: a server that is broken behind its front often sends
an error page with status 200. So an HTTP check names a text that only the working page has.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

__all__ = [
    "CommandProbe",
    "DnsProbe",
    "HttpProbe",
    "NewestFile",
    "NewestRow",
    "Probe",
    "SqlProbe",
    "TcpProbe",
    "name_of",
]


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _address(value: str) -> str:
    if not re.match(r"https?://[^\s/@]+(/\S*)?\Z", value):
        raise ValueError("is not an http or https address without a user name")
    return value


_Frozen = BeforeValidator(_tuple)
_Text = Annotated[str, Field(min_length=1, max_length=500)]
_Host = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$")]
_Argument = Annotated[str, Field(max_length=1_000)]


class _Probe(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    within: float = Field(default=10.0, gt=0, le=120, description="Seconds for one try")


class HttpProbe(_Probe):
    """A page, asked for from here. Redirects are not followed: the page that is meant is named."""

    kind: Literal["http"]
    url: Annotated[str, AfterValidator(_address)] = Field(description="http or https, without credentials")
    status: Annotated[tuple[Annotated[int, Field(ge=100, le=599)], ...], _Frozen] = Field(
        default=(200,), min_length=1, description="Statuses that a working system answers with"
    )
    contains: _Text = Field(description="A text that only the working page has; an error page can have status 200")
    lacks: Annotated[tuple[_Text, ...], _Frozen] = Field(
        default=(), description="Texts that an error page has and the working one never"
    )
    certificate_days: int | None = Field(
        default=None, ge=0, le=825, description="Days that the certificate must still be good for; https only"
    )
    address: _Host | None = Field(
        default=None, description="Address to connect to instead of what the name resolves to, before DNS is switched"
    )
    authority: str | None = Field(
        default=None,
        max_length=20_000,
        description="PEM of the authority that certifies it, where the machine's are not meant",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.url.startswith("https:") and (self.certificate_days is not None or self.authority is not None):
            raise ValueError("certificate_days and authority belong to https addresses")
        return self


class TcpProbe(_Probe):
    """A connection is taken; with ``expects``, who answers introduces itself so (SMTP, SSH, FTP)."""

    kind: Literal["tcp"]
    host: _Host
    port: int = Field(ge=1, le=65_535)
    expects: _Text | None = Field(default=None, description="Beginning of what it says first")


class CommandProbe(_Probe):
    """A program on a host, over SSH."""

    kind: Literal["command"]
    host: _Host = Field(description="Name of the host in the tenant's file")
    argv: Annotated[tuple[_Argument, ...], _Frozen] = Field(
        min_length=1, max_length=50, description="Program and arguments; no shell reads them"
    )
    status: int = Field(default=0, ge=0, le=255, description="Exit status of a working system")
    contains: _Text | None = Field(default=None, description="A text that its output has")
    root: bool = Field(default=False, description="Through sudo")


_Database = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$")]


class SqlProbe(_Probe):
    """A query to PostgreSQL on a host, over SSH, as the account ``postgres``, in a read-only transaction. Its first value is judged."""

    kind: Literal["sql"]
    host: _Host = Field(description="Name of the host in the tenant's file")
    database: _Database
    query: _Text = Field(description="One SELECT; the first column of its first row is the value")
    at_least: int | None = Field(default=None, description="The value is a number and no less than this")
    equals: str | None = Field(default=None, max_length=500, description="The value as text")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.at_least is None) == (self.equals is None):
            raise ValueError("name exactly one of at_least and equals")
        return self


class DnsProbe(_Probe):
    """What a name resolves to from here: whether a switched record has arrived. Others' caches may keep the old answer for its TTL."""

    kind: Literal["dns"]
    name: _Host
    addresses: Annotated[tuple[_Host, ...], _Frozen] = Field(
        min_length=1, description="All of these and no others, in any order"
    )


Probe = Annotated[HttpProbe | TcpProbe | DnsProbe | CommandProbe | SqlProbe, Field(discriminator="kind")]


class NewestRow(_Probe):
    """The time of the newest row, and how many rows there are: what RPO was achieved is measured here."""

    kind: Literal["newest_row"]
    host: _Host = Field(description="Name of the host in the tenant's file")
    database: _Database
    newest: _Text = Field(description="One SELECT: the time of the newest row (timestamptz)")
    count: _Text = Field(description="One SELECT: the number of rows")
    at_least: int = Field(ge=1, description="Rows that there must be; fewer, and it is an empty or another database")


class NewestFile(_Probe):
    """The time of the newest file below a folder, and how many files there are."""

    kind: Literal["newest_file"]
    host: _Host = Field(description="Name of the host in the tenant's file")
    path: str = Field(pattern=r"^/[^\x00]*$", max_length=1_000, description="Folder on the host")
    at_least: int = Field(ge=1, description="Files that there must be")


DataProbe = Annotated[NewestRow | NewestFile, Field(discriminator="kind")]


def name_of(probe: BaseModel) -> str:
    """What a check is called in tables: its kind and what it asks."""
    if isinstance(probe, HttpProbe):
        return f"http {probe.url}"
    if isinstance(probe, TcpProbe):
        return f"tcp {probe.host}:{probe.port}"
    if isinstance(probe, DnsProbe):
        return f"dns {probe.name}"
    if isinstance(probe, CommandProbe):
        return f"command {probe.argv[0]} on {probe.host}"
    if isinstance(probe, SqlProbe):
        return f"sql {probe.database} on {probe.host}"
    if isinstance(probe, NewestRow):
        return f"newest row of {probe.database} on {probe.host}"
    if isinstance(probe, NewestFile):
        return f"newest file of {probe.path} on {probe.host}"
    return type(probe).__name__

"""A baseline: ``runbooks/baselines/*.yaml``, and the loader.

Each policy says what is required in plain words, where that stands, what answers it (measures, checks of the sweep, or a person), what
follows where it fails, and under which numbers other frameworks have it. Their text is not ours to copy, so it is numbers alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from tenantry.errors import InvalidInput, NotFound
from tenantry.places import SHIPPED, folders
from tenantry.risk.model import Level
from tenantry.yamlpos import build, load, misplaced

__all__ = ["FRAMEWORKS", "Asked", "Baseline", "Policy", "PolicySource", "RiskIfNot", "load_baseline", "shipped"]

FRAMEWORKS: dict[str, str] = {
    "cis_v8": "CIS Controls v8",
    "nist_csf": "NIST CSF 2.0",
    "hipaa": "HIPAA Security Rule (45 CFR)",
    "pci_dss": "PCI DSS 4.0",
    "gdpr": "GDPR",
}
"""Key of a policy's ``maps`` → what it is called."""

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=600)]
_Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]{0,62}$")]
_Number = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.()§-]{1,30}$")]


def _web(address: str) -> str:
    if not address.startswith("https://"):
        raise ValueError("is not an https address")
    return address


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PolicySource(_Model):
    """Where the requirement stands."""

    title: _Text = Field(description="Document and section.")
    url: Annotated[str, AfterValidator(_web)] = Field(description="Where it can be read.")
    compiled_on: date = Field(description="Day on which it was written down here (YYYY-MM-DD).")


class RiskIfNot(_Model):
    """The risk that a failed policy stands for. Levels: NIST SP 800-30."""

    title: _Text = Field(description="What can happen, in one sentence.")
    likelihood: Level = Field(description="very_low, low, moderate, high or very_high.")
    impact: Level = Field(description="very_low, low, moderate, high or very_high.")


class Asked(_Model):
    """A measure, and what a policy says to it. In a file: its name, or its name with the parameters below it."""

    name: str
    parameters: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, dict) and len(value) == 1 and (given := next(iter(value.items())))[0] != "name":
            return {"name": given[0], "parameters": given[1]}
        return value

    @cached_property
    def label(self) -> str:
        """The name, with the parameters where there are any: what an answer is told by."""
        told = ", ".join(f"{key}={json.dumps(value)}" for key, value in sorted(self.parameters.items()))
        return f"{self.name}({told})" if told else self.name


class Mend(_Model):
    """A runbook that mends what a policy found: planned first, approved as the runbook says, and undone as any run."""

    runbook: _Name = Field(description="Its id.")
    parameter: _Name = Field(description="Its parameter that takes the list of those whom the finding is about.")


class Policy(_Model):
    """One requirement."""

    id: _Name = Field(description="Unique in the file; stands in the record.")
    title: _Text = Field(description="What is required.")
    plain: _Text = Field(description="The same for the client, without a term of the trade.")
    criticality: Literal["low", "medium", "high"] = Field(description="How much it matters.")
    measures: tuple[Asked, ...] = Field(
        default=(), description="Measures (tasks/measures) that answer it, each a name or a name with its parameters."
    )
    checks: tuple[str, ...] = Field(
        default=(), description="Checks of the sweep that answer it: a finding of one is a fail."
    )
    ask: _Text = Field(description="What a person is asked where no system answers it.")
    unanswered: Literal["for_person", "not_applicable"] = Field(
        default="for_person", description="What it is where the client has nothing that could answer it."
    )
    remedy: _Text = Field(description="What to do where it fails, in one or two sentences.")
    mend: Mend | None = Field(
        default=None,
        description="The runbook that does it, where all that the policy is answered by names the same kind of thing.",
    )
    risk: RiskIfNot = Field(description="What it means where it fails.")
    source: PolicySource = Field(description="Where it stands.")
    maps: dict[str, tuple[_Number, ...]] = Field(
        default_factory=dict, description="Framework → the numbers under which it has the same; never its text."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        for key in self.maps:
            if key not in FRAMEWORKS:
                raise misplaced(f"is none of {', '.join(FRAMEWORKS)}", "maps", key)
        return self


class Baseline(_Model):
    """``runbooks/baselines/<id>.yaml``."""

    id: _Name = Field(description="Its name; the file is called so.")
    version: int = Field(ge=1, description="Raised with every change of what is required.")
    title: _Text
    about: _Text = Field(description="For whom it is, and what it is not.")
    policies: tuple[Policy, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        seen: set[str] = set()
        for number, policy in enumerate(self.policies):
            if policy.id in seen:
                raise misplaced("another policy has this id", "policies", number, "id")
            seen.add(policy.id)
        return self


def shipped() -> list[str]:
    """Names of the baselines that come with the project."""
    return sorted(path.stem for path in (SHIPPED / "baselines").glob("*.yaml"))


def load_baseline(name: str, among: Sequence[Path] | None = None) -> Baseline:
    """The baseline of that name.

    Args:
        among: folders, the first that has it counts; the operator's and the shipped ones when omitted.

    Raises:
        NotFound: no folder has it. InvalidInput: its file is wrong, naming file and line.
    """
    roots = tuple(among) if among is not None else folders("baselines")
    for folder in roots:
        path = folder / f"{name}.yaml"
        if path.is_file():
            at = path.stat()
            return _loaded(path, at.st_ino, at.st_size, at.st_mtime_ns)
    raise NotFound(f"there is no baseline {name!r}", place="baseline", remedy="The folder baselines has them.")


@lru_cache(maxsize=32)
def _loaded(path: Path, *version: int) -> Baseline:
    """Read again where the file is another one: a campaign asks for the same few again and again."""
    del version
    document = load(path)
    found = build(Baseline, document, error=InvalidInput)
    if found.id != path.stem:
        raise InvalidInput(f"is called {found.id} and its file {path.stem}", place=document.positions.place(("id",)))
    return found

"""What a person is shown: our words, and below them names that an attacker may have chosen."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from tenantry.errors import InvalidInput
from tenantry.runbook.model import parse_duration

SHOWN = 30
"""Lines shown below a question; more are counted."""


def _checked(text: str) -> str:
    try:
        parse_duration(text)
    except InvalidInput as error:
        raise ValueError(error.message) from error  # what pydantic expects of a validator
    return text


Duration = Annotated[
    str, AfterValidator(_checked), Field(pattern=r"^[0-9dhms]+$", description="For example 45m, 4h or 7d")
]

Reminders = Annotated[
    list[Duration],
    Field(
        max_length=10,
        description="When who is asked is reminded, from the question on (2d, 4d); the last one is the escalation",
    ),
]

About = Annotated[
    list[str],
    Field(max_length=10_000, description="What the question is about, one line each; shown cleaned and cut"),
]


def reminders(texts: Sequence[str]) -> tuple[timedelta, ...]:
    """As the engine takes them: in order, each once."""
    return tuple(sorted({parse_duration(text) for text in texts}))


def clean(text: str) -> str:
    """One line without control, invisible or direction-changing characters, at most 300 characters."""
    line = " ".join(text.split())
    shown = "".join(c for c in line if unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
    return shown if len(shown) <= 300 else shown[:299] + "…"


def with_lines(question: str, about: Sequence[str]) -> str:
    """The question, and what it is about behind dashes."""
    lines = [f"- {clean(line)}" for line in about[:SHOWN]]
    if len(about) > SHOWN:
        lines.append(f"- and {len(about) - SHOWN} more, in the step's record")
    return "\n".join([question.strip(), *lines])

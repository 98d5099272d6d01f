"""What the models of tenants' files are made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["Minutes", "Model", "Text"]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
Minutes = Annotated[int, Field(ge=1, le=525_600)]


class Model(BaseModel):
    """Strict about names; values are never shown in an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

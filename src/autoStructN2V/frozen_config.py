"""The base of every configuration model."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class FrozenConfig(BaseModel):
    """Immutable, strict base: unknown fields are errors; change one by making a copy."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False
    )

    def __getitem__(self, name: str) -> Any:
        """Return a field by its name, as in the documented nested dictionary."""
        if name not in type(self).model_fields:
            raise KeyError(name)
        return getattr(self, name)

"""What all settings share: numbers with bounds, and classes that refuse what does not apply."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

__all__ = [
    "Count",
    "KindSettings",
    "NotNegative",
    "NotNegativeInt",
    "Positive",
    "Probability",
    "Seed",
    "Settings",
    "Size",
]

Probability = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1)]
NotNegativeInt = Annotated[int, Field(ge=0)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]  # PyTorch's generators take no more
Size = Annotated[int, Field(ge=1, le=65_536)]


class Settings(BaseModel):
    """The base of all settings: immutable, unknown keys refused, no silent conversion of types."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_value_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        """YAML reads ``no`` as False, which Python would take for 0."""
        if isinstance(value, bool) and cls.model_fields[str(info.field_name)].annotation not in (
            bool,
            bool | None,
        ):
            raise ValueError(
                f"{str(value).lower()} is a truth value: give a number, or text in quotes"
            )
        return value


class KindSettings(Settings):
    """Settings of several kinds; one of another kind than the chosen is refused, and not written.

    ``owners`` names the settings that belong to some of the kinds only, and to which.
    """

    kind: str
    owners: ClassVar[Mapping[str, set[str]]]

    @model_validator(mode="after")
    def _only_what_applies(self) -> Self:
        for name, kinds in self.owners.items():
            if name in self.model_fields_set and self.kind not in kinds:
                listed = ", ".join(sorted(kinds))
                raise ValueError(f"{name} does not apply to {self.kind}, only to {listed}")
        return self

    @model_serializer(mode="wrap")
    def _what_applies(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        saved: dict[str, Any] = dump(self)
        foreign = {name for name, kinds in self.owners.items() if self.kind not in kinds}
        return {name: value for name, value in saved.items() if name not in foreign}

"""The headers and path parameters that requests of several routes carry."""

from typing import Annotated, TypeAlias

from litestar.params import HeaderParameter, PathParameter

from atdm_core.ids import ID_FORM

__all__ = ["Confirm", "IdempotencyKey", "Invoker", "RunId"]

# The framework reads bounds from its own parameter kinds only; a msgspec.Meta beside them is not looked at.
Invoker: TypeAlias = Annotated[
    str,
    HeaderParameter(
        name="X-Atdm-Invoker",
        min_length=1,
        max_length=255,
        description="Who asks, for the record: `human:<name>` or `agent:<id>`.",
    ),
]
IdempotencyKey: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and body again: the first answer again, and nothing is seeded twice.",
    ),
]
Confirm: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="X-Confirm",
        schema_extra={"const": "yes"},
        description="`yes`, so that nobody deletes the rows of every run by accident.",
    ),
]
# The engine checks it and says more than "does not match"; here it is only told.
RunId: TypeAlias = Annotated[
    str,
    PathParameter(schema_extra={"pattern": f"^{ID_FORM}$"}, description="The id of a run, or of a strategy's."),
]

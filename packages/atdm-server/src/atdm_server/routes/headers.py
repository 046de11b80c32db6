"""The headers that requests of several routes carry."""

from typing import Annotated, TypeAlias

from litestar.params import HeaderParameter

__all__ = ["IdempotencyKey", "Invoker"]

# The framework reads bounds from its own parameter kinds only; a msgspec.Meta beside them is not looked at.
Invoker: TypeAlias = Annotated[str, HeaderParameter(name="X-Atdm-Invoker", min_length=1, max_length=255)]
IdempotencyKey: TypeAlias = Annotated[str | None, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=255)]

# pyarrow ships no types. What it gives is declared as Any here, so that our own code is checked strictly.
from typing import Any

def __getattr__(name: str) -> Any: ...  # pyright: ignore[reportIncompleteStub]

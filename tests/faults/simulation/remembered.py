"""Parquet files that are decoded once: three servers and a verification read the same bytes over and over."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from typing import Final

import pytest

__all__ = ["remembered_decoding"]

REMEMBERED: Final = 4096  # files
DECODED: Final = (
    ("atdm_server.store.audit_log", "decode_entries"),
    ("atdm_server.store.process_logs", "decode_segment"),
    ("atdm_server.verify.logs", "decode_segment"),
    ("atdm_server.verify.trails", "decode_entries"),
)
"""Where frozen values are decoded, and by which function."""


@contextmanager
def remembered_decoding() -> Generator[None]:
    """Remember what files say, which takes most of the time of a simulation otherwise."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in DECODED:
            decode: Callable[[bytes], object] = getattr(import_module(module), name)
            patch.setattr(f"{module}.{name}", lru_cache(REMEMBERED)(decode))
        yield

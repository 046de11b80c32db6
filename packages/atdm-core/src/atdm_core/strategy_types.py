"""What Hypothesis runs when it is imported: `st.from_type` learns the types of the core.

A module of its own, because whoever imports `strategies` first imports Hypothesis from there, which comes back here
before `strategies` is whole.
"""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from atdm_core.pack import Pack
from atdm_core.registry import Registry
from atdm_core.values import Bundle, Request

__all__ = ["register_types"]

T = TypeVar("T")


def register_types() -> None:
    """Let `st.from_type` draw a `Bundle` or a `Request` of any installed pack."""
    st.register_type_strategy(Bundle, lambda _: _bundles())
    st.register_type_strategy(Request, lambda _: _requests())


def _bundles() -> st.SearchStrategy[Bundle]:
    from atdm_core.strategies import bundles

    return _of_any_pack(bundles)


def _requests() -> st.SearchStrategy[Request]:
    from atdm_core.strategies import requests

    return _of_any_pack(requests)


def _of_any_pack(strategy: Callable[[Pack], st.SearchStrategy[T]]) -> st.SearchStrategy[T]:
    usable, _ = Registry().packs()
    return st.one_of([strategy(pack) for pack in usable.values()])

"""Which rows belong together: references checked and tables paired, without a loop over rows.

Bundles of the core's own making hold keys as ordinals of one stem and are mostly aligned already (row i of the claims
belongs to row i of the members), which is found out in one comparison. Anything else is matched by its text.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from atdm_core.columns import Column, Ints, Keys, Mask, values
from atdm_core.errors import PackInvalid
from atdm_core.table import Table

__all__ = ["missing", "pairs"]


def missing(refs: Column, parents: Table | None) -> Mask:
    """Where a non-null reference has no row among `parents`."""
    if parents is None:
        return np.array([ref is not None for ref in values(refs)], dtype=bool)
    left, right = _comparable(refs, parents.key_column)
    if left is right or (len(left) == len(right) and np.array_equal(left, right)):
        return np.zeros(len(left), dtype=bool)
    return ~np.isin(left, right) & ~_nulls(left)


def pairs(left: Table, right: Table) -> tuple[Ints | None, Ints | None]:
    """The row numbers (in `left`, in `right`) of all rows that belong together; (None, None): row i to row i.

    Two tables belong together through a reference from one to the other, else through references to the same entity.
    Raises `PackInvalid` when their entities are not related.
    """
    a, b = _comparable(*_shared_columns(left, right))
    if len(a) == len(b) and (a is b or np.array_equal(a, b)) and _distinct(a) and not _nulls(a).any():
        return None, None
    order = np.argsort(b, kind="stable")
    ordered = b[order]
    first, last = np.searchsorted(ordered, a, "left"), np.searchsorted(ordered, a, "right")
    counts = np.where(_nulls(a), 0, last - first)
    left_rows = np.repeat(np.arange(len(a)), counts)
    offsets = np.arange(len(left_rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return left_rows, order[np.repeat(first, counts) + offsets]


def _shared_columns(left: Table, right: Table) -> tuple[Column, Column]:
    left_refs, right_refs = left.entity.refs(), right.entity.refs()
    for column, entity in left_refs.items():
        if entity == right.entity.name:
            return left[column], right.key_column
    for column, entity in right_refs.items():
        if entity == left.entity.name:
            return left.key_column, right[column]
    for column, entity in left_refs.items():
        for other, other_entity in right_refs.items():
            if entity == other_entity:
                return left[column], right[other]
    raise PackInvalid(
        f"{left.entity.name} and {right.entity.name} share no reference, so a rule cannot set them side by side"
    )


def _comparable(left: Column, right: Column) -> tuple[NDArray[Any], NDArray[Any]]:
    if isinstance(left, Keys) and isinstance(right, Keys) and left.stem == right.stem:
        return left.ordinals, right.ordinals
    return _texts(left), _texts(right)


def _texts(column: Column) -> NDArray[np.str_]:
    return np.array(["" if value is None else str(value) for value in values(column)], dtype=np.str_)


def _nulls(array: NDArray[Any]) -> Mask:
    """Where there is no reference, which belongs to nothing, another null included."""
    return array == "" if array.dtype.kind == "U" else np.zeros(len(array), dtype=np.bool_)


def _distinct(array: NDArray[Any]) -> bool:
    return len(array) < 2 or bool((array[1:] > array[:-1]).all())

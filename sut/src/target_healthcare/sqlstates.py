"""What the database's errors mean to a caller, by SQLSTATE, never by message text."""

from typing import Final

import psycopg

from target_healthcare.errors import (
    ConstraintViolated,
    DatabaseUnavailable,
    DuplicateKey,
    InvalidValue,
    RowsReferenced,
    TargetError,
)

UNIQUE_VIOLATION: Final = "23505"
REFERENCED: Final = (psycopg.errors.ForeignKeyViolation, psycopg.errors.RestrictViolation)
"""A row that others refer to was to be deleted. PostgreSQL 18 has a state of its own for ON DELETE RESTRICT."""

_BY_STATE: Final[dict[str, type[TargetError]]] = {
    UNIQUE_VIOLATION: DuplicateKey,
    "428C9": InvalidValue,  # a value for a column that is GENERATED ALWAYS
    "55P03": DatabaseUnavailable,  # lock not available in time
    "AT001": ConstraintViolated,  # atdm_require_rows: fewer rows were written than sent
    "P0001": ConstraintViolated,  # RAISE in a trigger
}
_BY_CLASS: Final[dict[str, type[TargetError]]] = {
    "08": DatabaseUnavailable,  # connection
    "22": InvalidValue,  # data
    "23": ConstraintViolated,  # integrity
    "25": DatabaseUnavailable,  # read-only transaction: a standby answers
    "40": DatabaseUnavailable,  # deadlock, serialization failure
    "44": ConstraintViolated,  # WITH CHECK OPTION
    "53": DatabaseUnavailable,  # out of memory, disk or connections
    "54": InvalidValue,  # a limit: a key too long for its index, JSON too deep
    "57": DatabaseUnavailable,  # shut down, cancelled
    "58": DatabaseUnavailable,  # the system below
}


def explain(error: psycopg.Error) -> TargetError | None:
    """Turn a database error into the refusal it stands for; None when it is a fault of the target itself."""
    state = error.sqlstate
    if state is None:
        # No SQLSTATE: the driver speaks. No connection (lost, or none free in time), or a text with a NUL.
        if isinstance(error, psycopg.DataError):
            return InvalidValue(f"a value cannot be sent to the database: {error}")
        return _unavailable(error) if isinstance(error, psycopg.OperationalError) else None
    refusal = _BY_STATE.get(state) or _BY_CLASS.get(state[:2])
    if refusal is None:
        return None
    return _unavailable(error) if refusal is DatabaseUnavailable else refusal(_sentence(error), **_details(error))


def still_referenced(error: psycopg.Error, run_id: str | None = None) -> RowsReferenced:
    """Explain a foreign key that forbids deleting a run's rows, or, without an id, those of all runs.

    What the migrations declare was looked at before: the foreign key is of a table that they do not know.
    """
    its = "rows of runs" if run_id is None else f"rows of run '{run_id}'"
    others = f"rows of '{error.diag.table_name}'"
    return RowsReferenced(f"{others} still point at {its}; delete those first", **_details(error), residue=[])


def _details(error: psycopg.Error) -> dict[str, object]:
    """Where the database refused, null where it did not say."""
    place = error.diag
    return {
        "table": place.table_name,
        "column": place.column_name,
        "constraint": place.constraint_name,
        "sqlstate": error.sqlstate,
    }


def _sentence(error: psycopg.Error) -> str:
    place, reason = error.diag.table_name, error.diag.message_primary or "no reason given"
    return f"the database refused a row of '{place}': {reason}" if place else f"the database refused a value: {reason}"


def _unavailable(error: psycopg.Error) -> TargetError:
    return DatabaseUnavailable("the database did not answer; send the request again", sqlstate=error.sqlstate)

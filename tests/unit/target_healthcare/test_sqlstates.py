import psycopg
import pytest
from psycopg import errors as database
from psycopg_pool import PoolTimeout

from target_healthcare import errors
from target_healthcare.errors import TargetError
from target_healthcare.sqlstates import explain


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (database.UniqueViolation(), errors.DuplicateKey),
        (database.CheckViolation(), errors.ConstraintViolated),
        (database.ForeignKeyViolation(), errors.ConstraintViolated),
        (database.NotNullViolation(), errors.ConstraintViolated),
        (database.ExclusionViolation(), errors.ConstraintViolated),
        (database.WithCheckOptionViolation(), errors.ConstraintViolated),
        (database.RaiseException(), errors.ConstraintViolated),
        (database.InvalidTextRepresentation(), errors.InvalidValue),
        (database.NumericValueOutOfRange(), errors.InvalidValue),
        (database.UntranslatableCharacter(), errors.InvalidValue),
        (database.GeneratedAlways(), errors.InvalidValue),
        (database.ProgramLimitExceeded(), errors.InvalidValue),
        (database.DeadlockDetected(), errors.DatabaseUnavailable),
        (database.SerializationFailure(), errors.DatabaseUnavailable),
        (database.QueryCanceled(), errors.DatabaseUnavailable),
        (database.AdminShutdown(), errors.DatabaseUnavailable),
        (database.TooManyConnections(), errors.DatabaseUnavailable),
        (database.ReadOnlySqlTransaction(), errors.DatabaseUnavailable),
        (psycopg.OperationalError("gone"), errors.DatabaseUnavailable),
        (PoolTimeout(), errors.DatabaseUnavailable),
        (psycopg.DataError("NUL"), errors.InvalidValue),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_states_mean_refusals(error: psycopg.Error, refusal: type[TargetError]) -> None:
    """What the caller can mend or repeat is told apart by SQLSTATE."""
    assert type(explain(error)) is refusal


@pytest.mark.parametrize("error", [database.UndefinedTable(), database.SyntaxError(), psycopg.InterfaceError()])
def test_our_own_faults_are_no_refusals(error: psycopg.Error) -> None:
    """A wrong statement or a misused driver is the target's fault."""
    assert explain(error) is None

"""Every error has a status."""

from collections.abc import Iterator

import pytest

from atdm_core import AtdmError
from atdm_server.errors import AuthRequired, NotReady, SettingsInvalid
from atdm_server.responses import STATUS_OF, error_response, status_of

CONTRACT = {
    "INVALID_REQUEST": 400,
    "AUTH_REQUIRED": 401,
    "SCENARIO_NOT_FOUND": 404,
    "DOMAIN_NOT_FOUND": 404,
    "UNKNOWN_CONSTRAINT": 422,
    "INVALID_CONSTRAINT": 422,
    "INVALID_DRAWS": 422,
    "VALIDATOR_REJECTED": 422,
    "IDEMPOTENCY_KEY_REUSED": 422,
    "REQUEST_IN_PROGRESS": 409,
    "LLM_MODE_NOT_ENABLED": 501,
    "SEED_FAILED": 502,
    "TARGET_UNREACHABLE": 502,
    "STORE_UNAVAILABLE": 503,
    "TOKEN_MISMATCH": 403,
    "RUN_NOT_FOUND": 404,
    "NOT_READY": 503,
    "CONFIRM_REQUIRED": 428,
    "BODY_TOO_LARGE": 413,
    "BASELINE_EXISTS": 409,
    "BASELINE_NOT_FOUND": 404,
    "NO_BASELINE": 404,
    "BASELINE_SCHEMA_DRIFT": 409,
}
"""The statuses that the contract gives to codes."""

SIBLINGS = {
    "SCOPE_REQUIRED": 403,
    "RUN_GONE": 410,
    "TOO_MANY_REQUESTS": 429,
    "TARGET_ERROR": 502,
    "DEADLINE_EXCEEDED": 504,
    "RESET_FAILED": 502,
    "SNAPSHOT_FAILED": 502,
    "RESTORE_FAILED": 502,
    "BASELINE_DAMAGED": 409,
    "NOT_FOUND": 404,
    "METHOD_NOT_ALLOWED": 405,
    "UNSUPPORTED_MEDIA_TYPE": 415,
}
"""Errors that the contract does not list, and that are answered like the ones beside them."""

OURS_TO_MEND = {
    "ATDM_ERROR",
    "REQUEST_ERROR",
    "RUN_ERROR",
    "BASELINE_ERROR",
    "STORE_ERROR",
    "TRAIL_CONFLICT",
    "TRAIL_BROKEN",
    "PACK_ERROR",
    "PACK_NOT_FOUND",
    "PACK_INVALID",
    "SCENARIO_INVALID",
    "GENERATOR_FAILED",
    "SETTINGS_INVALID",
}
"""What no caller can cause or mend is a 500."""


def family(kind: type[AtdmError] = AtdmError) -> Iterator[type[AtdmError]]:
    """All errors of the core and the server."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ in ("atdm_core.errors", "atdm_server.errors"):
            yield from family(child)


ALL = {kind.code: kind for kind in family()}


def test_codes_of_core_and_server_are_unique() -> None:
    """No error of the server has the code of one of the core."""
    assert len(list(family())) == len(ALL)
    assert {AuthRequired.code, NotReady.code, SettingsInvalid.code} < set(ALL)


@pytest.mark.parametrize("code", sorted(set(CONTRACT) & set(ALL)))
def test_statuses_are_those_of_the_contract(code: str) -> None:
    """Each code of the contract has an error, and that error the contract's status."""
    assert status_of(ALL[code]("x")) == CONTRACT[code]


def test_every_error_has_a_status_on_purpose() -> None:
    """Every error is in the contract's table, a sibling of one that is, or ours to mend."""
    assert set(ALL) == (set(CONTRACT) & set(ALL)) | OURS_TO_MEND | set(SIBLINGS)
    assert {code: status_of(ALL[code]("x")) for code in SIBLINGS} == SIBLINGS
    assert {status_of(ALL[code]("x")) for code in OURS_TO_MEND} == {500}
    assert set(STATUS_OF) <= set(ALL.values())


def test_shape_of_an_error() -> None:
    """The shape has code, message and details always, and the run where there is one."""
    import msgspec

    with_run = error_response(502, "SEED_FAILED", "no", details={"a": 1}, run_id="run")
    assert msgspec.to_builtins(with_run.content) == {
        "error": {"code": "SEED_FAILED", "message": "no", "details": {"a": 1}, "test_run_id": "run"}
    }
    assert msgspec.to_builtins(error_response(404, "NOT_FOUND", "no").content) == {
        "error": {"code": "NOT_FOUND", "message": "no", "details": {}}
    }

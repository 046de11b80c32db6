"""The live server keeps to its description, whatever is sent to it."""

from pathlib import Path

from infra.local_stack import Stack, local_stack
from tests.postgres import fresh_database
from tests.schema.cases import try_cases

EXAMPLES = 45  # for each operation; about 1,000 requests in all


def test_every_answer_is_as_described(stack: Stack, tmp_path: Path) -> None:
    """About a thousand requests, valid and not, alone and in chains, get no 5xx and no answer that is not described."""
    with (
        fresh_database(stack.postgres_dsn) as dsn,
        local_stack(tmp_path / "stack", database_url=dsn) as own,
    ):
        report, printed = try_cases(own, tmp_path, examples=EXAMPLES, seed=1)
    assert report.test_cases.with_failures == report.test_cases.errored == 0, printed
    assert {phase.status for phase in report.phases.values()} == {"success"}, printed
    assert report.test_cases.generated > 900, printed

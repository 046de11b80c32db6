"""A run in the making."""

from datetime import UTC, date, datetime, timedelta

from atdm_core import Caller, Delivery, Request
from atdm_core.audit import Trail
from atdm_core.catalog import expiry_of
from atdm_core.errors import SeedFailed
from atdm_core.ids import cleanup_token, derive_seed, token_sha256
from atdm_core.run import Run
from atdm_core.values import ConstraintValue, FixturePaths, SeedReceipt
from tests.unit.atdm_core.shop import make_bundle, make_plan

KEY = b"a key of this server"
LATE = datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)


def a_run(request: Request | None = None) -> Run:
    """A run that Ann asked for on the last second of a year."""
    return Run(request or Request(scenario="one_order"), Caller(invoker="human:ann"), KEY, lambda: LATE)


def test_what_is_not_given_is_derived() -> None:
    """Seed, day and token of a run come from its id, the UTC day and the server's key."""
    run = a_run()
    assert run.seed == derive_seed(run.id)
    assert run.as_of == date(2026, 12, 31)
    assert run.token == cleanup_token(KEY, run.id)
    assert [event.action for event in run.trail.events] == ["request_received"]


def test_what_is_given_is_kept() -> None:
    """A seed of zero and a day of the request's own are taken as they are."""
    run = a_run(Request(scenario="one_order", seed=0, as_of=date(2024, 2, 29)))
    assert (run.seed, run.as_of) == (0, date(2024, 2, 29))


def test_request_hash_ignores_the_order_of_constraints() -> None:
    """The same request has the same hash however it was written, and another one has another."""
    forwards: dict[str, ConstraintValue] = {"tier": "gold", "gift": True}
    backwards = dict(reversed(forwards.items()))
    one, two, three = (
        a_run(Request(scenario="one_order", constraints=constraints)).request_sha256
        for constraints in (forwards, backwards, {**forwards, "gift": False})
    )
    assert one == two != three


def test_failure_withdraws_what_was_not_stored() -> None:
    """A failure takes back the record of fixtures that never went out, and ends the trail."""
    run, bundle = a_run(), make_bundle()
    run.planned(make_plan())
    run.seeding(bundle)
    run.seeded(bundle, SeedReceipt(row_counts={"customer": 1, "order": 1}, expires_at=LATE))
    run.recorded(run.outcome(bundle, FixturePaths()))
    run.failed(SeedFailed("no"))
    assert [event.action for event in run.trail.events] == [
        "request_received",
        "plan_resolved",
        "seed_started",
        "seed_completed",
        "seed_failed",
    ]


def test_answer_tells_the_expiry_of_the_target() -> None:
    """The target's clock says when the run expires; answer and trail repeat it."""
    run, bundle = a_run(), make_bundle()
    run.seeded(bundle, SeedReceipt(row_counts={}, expires_at=LATE))
    assert run.outcome(bundle, FixturePaths()).cleanup.expires_at == LATE
    assert expiry_of(run.trail.events) == LATE


def test_a_run_that_is_not_seeded_records_none() -> None:
    """A request that keeps the target out of it has no event of seeding."""
    run, bundle = a_run(Request(scenario="one_order", delivery=Delivery(seed_target=False))), make_bundle()
    run.seeding(bundle)
    run.seeded(bundle, None)
    assert [event.action for event in run.trail.events] == ["request_received"]


def test_catalog_row_holds_the_answer_without_its_token() -> None:
    """The row keeps what is needed to answer again, and of the token only the hash."""
    run = a_run()
    run.planned(make_plan())
    row = run.catalog_row(run.outcome(make_bundle(), FixturePaths()))
    assert run.token not in row.answer
    assert '"cleanup_token":""' in row.answer
    assert row.token_sha256 == token_sha256(run.token)
    assert run.catalog_row().answer == ""


def test_marks_open_and_close_the_run() -> None:
    """The open mark says who asked for what, and carries the trail; the close mark says how it ended."""
    run = a_run()
    opened, closed = run.open_mark(), run.mark("close", "ready", "a head")
    assert (opened.kind, opened.state, opened.run_id, opened.invoker) == ("open", "seeding", run.id, "human:ann")
    assert opened.request_sha256 == run.request_sha256
    assert opened.token_sha256 == token_sha256(run.token)
    assert Trail.resumed(run.id, opened.bodies).head == run.trail.head
    assert (closed.kind, closed.state, closed.head, closed.bodies) == ("close", "ready", "a head", ())


def test_claim_carries_what_a_retry_needs() -> None:
    """A claim belongs to one principal's key, and a run made of it has the same id, seed, day and token."""
    run = a_run()
    claim = run.claim("key")
    again = Run(run.request, run.caller, KEY, lambda: LATE + timedelta(days=1), claim)
    assert (again.id, again.seed, again.as_of, again.token) == (run.id, run.seed, run.as_of, run.token)
    other = Run(run.request, Caller(principal="someone else"), KEY, lambda: LATE)
    assert other.claim("key").key_sha256 != claim.key_sha256
    assert run.claim("other key").key_sha256 != claim.key_sha256

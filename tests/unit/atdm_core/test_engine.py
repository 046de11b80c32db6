"""The engine on memory fakes, in fair weather."""

import asyncio

import pytest
from msgspec import UnsetType, to_builtins

from atdm_core.errors import (
    IdempotencyKeyReused,
    InvalidRequest,
    RequestInProgress,
    RunNotFound,
    ScenarioNotFound,
    TokenMismatch,
    ValidatorRejected,
)
from atdm_core.ids import token_sha256
from atdm_core.values import CatalogQuery, Delivery
from tests.unit.atdm_core.house import House
from tests.unit.atdm_core.shop import AS_OF

READY = [
    "request_received",
    "plan_resolved",
    "validators_passed",
    "seed_started",
    "seed_completed",
    "fixtures_emitted",
    "catalog_recorded",
]
REJECTED = {"order_status": "open", "tier": "plain"}


async def test_the_straight_line(house: House) -> None:
    """A request is opened before the target is touched, recorded after the rows are there, and closed at the end."""
    outcome = await house.ask()
    assert house.weather.calls == ["log.open", "target.seed", "catalog.record", "log.append", "log.close"]
    assert await house.actions(outcome.test_run_id) == READY
    assert await house.status(outcome.test_run_id) == "ready"
    assert house.rows() == 2
    assert house.open_runs() == set()


async def test_the_marks_of_a_request(house: House) -> None:
    """The open mark carries the trail so far, so that others can end the run; the close mark names where it ended."""
    outcome = await house.ask()
    opened, closed = house.out.log.noted
    trail = await house.trail(outcome.test_run_id)
    assert opened.state == "seeding"
    assert opened.bodies == tuple(entry.body.decode() for entry in trail.entries[:4])
    assert opened.token_sha256 == token_sha256(outcome.cleanup.cleanup_token)
    assert (closed.state, closed.head) == ("ready", outcome.audit_head)
    assert closed.row_counts == {"customer": 1, "order": 1}


async def test_the_row_is_stored_before_the_decision(house: House) -> None:
    """A run that is being seeded is in the catalog as open; its row as it was stored never says more."""
    held, go = house.weather.holds("log.append", "before")
    request = asyncio.create_task(house.ask(ttl_seconds=60))
    await asyncio.wait_for(held.wait(), 5)
    (row,) = await house.engine.runs(CatalogQuery())
    assert (row.status, row.expires_at) == ("open", None)
    go.set()
    outcome = await request
    (row,) = await house.engine.runs(CatalogQuery())
    assert (row.status, row.expires_at) == ("ready", outcome.cleanup.expires_at)
    assert outcome.cleanup.expires_at is not None


async def test_the_answer_tells_how_to_use_and_undo(house: House) -> None:
    """The answer names the run, its keys, its seed and day, the way back, and the head of its trail."""
    outcome = await house.ask(seed=5)
    run_id = outcome.test_run_id
    trail = await house.engine.trail(run_id)
    assert outcome.request_id == f"tdr_{run_id}"
    assert outcome.data == {"customer_id": f"c-{run_id}", "order_id": f"o-{run_id}"}
    assert (outcome.seed, outcome.as_of) == (5, AS_OF)
    assert outcome.cleanup.endpoint == f"/test-data/runs/{run_id}/reset"
    assert outcome.audit_head == trail.head
    assert trail.records_created == [
        {"table_name": "customer", "primary_key": f"c-{run_id}"},
        {"table_name": "order", "primary_key": f"o-{run_id}"},
    ]


async def test_the_token_is_stored_as_its_hash_only(house: House) -> None:
    """Neither trail, catalog nor process log holds the cleanup token."""
    outcome = await house.ask()
    token = outcome.cleanup.cleanup_token
    row = await house.out.catalog.find(outcome.test_run_id)
    trail = await house.out.log.read(outcome.test_run_id)
    assert row is not None
    assert trail is not None
    assert row.token_sha256 == token_sha256(token)
    stored = repr(row) + repr(trail.entries) + repr(house.out.log.noted)
    assert token not in stored


async def test_records_come_when_asked_for(house: House) -> None:
    """The rows are in the answer when the request asks for them."""
    outcome = await house.ask(delivery=Delivery(return_records=True))
    assert isinstance(outcome.records, dict)
    assert outcome.records["order"][0]["customer_id"] == f"c-{outcome.test_run_id}"


async def test_without_seeding_the_target_is_left_alone(house: House) -> None:
    """A request that is not to be seeded is planned, judged, recorded and answered, and the target hears nothing."""
    outcome = await house.ask(delivery=Delivery(seed_target=False, return_records=True))
    assert "target.seed" not in house.weather.calls
    assert await house.actions(outcome.test_run_id) == [a for a in READY if not a.startswith("seed_")]
    assert isinstance(outcome.records, dict)


async def test_same_seed_same_values_side_by_side(house: House) -> None:
    """Two runs of one seed live side by side, with the same values and other keys."""
    one, two = [await house.ask(seed=3, delivery=Delivery(return_records=True)) for _ in range(2)]
    assert isinstance(one.records, dict)
    assert isinstance(two.records, dict)
    assert one.records["customer"][0]["name"] == two.records["customer"][0]["name"]
    assert house.rows() == 4


async def test_rejection_leaves_a_denied_mark(house: House) -> None:
    """What was refused is told by the process log, with the head of the trail that says why."""
    with pytest.raises(ValidatorRejected) as refusal:
        await house.ask(constraints=REJECTED)
    (mark,) = house.out.log.noted
    assert (mark.kind, mark.run_id, mark.state) == ("denied", refusal.value.run_id, "rejected")
    assert mark.head == (await house.trail(mark.run_id)).head.hex()


async def test_rejection_is_recorded_and_nothing_written(house: House) -> None:
    """A bundle that breaks a rule is refused with the rule's name and rows; the trail ends in the rejection."""
    with pytest.raises(ValidatorRejected) as refusal:
        await house.ask(constraints=REJECTED)
    error = refusal.value
    assert error.message == ("domain.plain_customers_pay: A plain customer has no open order. Change the constraints.")
    assert error.details["validators"] == ["domain.plain_customers_pay"]
    assert error.run_id is not None
    assert await house.actions(error.run_id) == ["request_received", "plan_resolved", "plan_rejected"]
    assert await house.status(error.run_id) == "rejected"
    assert (await house.engine.trail(error.run_id)).validator_decisions[1]["details"]["rows"] == [
        {"order.status": "open", "customer.tier": "plain"}
    ]
    assert house.weather.calls == ["log.append", "catalog.record", "log.denied", "log.read"]
    assert house.rows() == 0


async def test_unknown_scenario_leaves_no_trace(house: House) -> None:
    """A request that cannot be planned touches nothing."""
    with pytest.raises(ScenarioNotFound):
        await house.ask(scenario="nine")
    assert house.weather.calls == []


async def test_same_key_same_answer(house: House) -> None:
    """A request that is sent again with its key gets the same answer, token included, and is seeded once."""
    first, second = await house.ask("key"), await house.ask("key")
    assert second == first
    assert house.weather.calls.count("target.seed") == 1
    assert house.open_runs() == set()
    assert await house.engine.reset(second.test_run_id, second.cleanup.cleanup_token, "x")


async def test_key_is_claimed_before_the_target_is_touched(house: House) -> None:
    """The key is taken while the run is opened, and both are done before the target hears of it."""
    held, go = house.weather.holds("claims.claim")
    request = asyncio.create_task(house.ask("key"))
    await asyncio.wait_for(held.wait(), 5)
    await house.weather.ended("log.open")
    assert house.weather.calls == ["claims.claim", "log.open"]
    go.set()
    await request
    assert house.weather.calls[2] == "target.seed"


async def test_other_body_with_the_same_key_is_refused(house: House) -> None:
    """A key that belongs to another request body is refused, naming its run, and nothing is seeded."""
    first = await house.ask("key")
    with pytest.raises(IdempotencyKeyReused, match="use a new key") as refusal:
        await house.ask("key", constraints={"tier": "plain"})
    assert refusal.value.run_id == first.test_run_id
    assert house.rows() == 2
    assert house.open_runs() == set()


async def test_other_keys_do_not_meet(house: House) -> None:
    """Two keys, or none, are two runs."""
    runs = {(await house.ask(key)).test_run_id for key in ("a", "b", None, None)}
    assert len(runs) == 4


async def test_same_key_at_the_same_time(house: House) -> None:
    """While the first request of a key runs, a second is told to come again; afterwards it gets the answer."""
    held, go = house.weather.holds("target.seed")
    first = asyncio.create_task(house.ask("key"))
    await asyncio.wait_for(held.wait(), 5)
    with pytest.raises(RequestInProgress, match="send it again a little later"):
        await house.ask("key")
    go.set()
    outcome = await first
    assert await house.ask("key") == outcome
    assert house.rows() == 2


async def test_many_at_once_stay_apart(house: House) -> None:
    """Twenty requests at once are twenty runs, each with its own rows and a whole trail."""
    outcomes = await asyncio.gather(*(house.ask() for _ in range(20)))
    assert house.rows() == 40
    for outcome in outcomes:
        assert await house.actions(outcome.test_run_id) == READY
        await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")
    assert house.rows() == 0


async def test_runs_are_listed_newest_first_as_they_are_now(house: House) -> None:
    """The catalog lists runs newest first, with the status they have now."""
    one, two = await house.ask(), await house.ask()
    await house.engine.reset(one.test_run_id, one.cleanup.cleanup_token, "x")
    rows = await house.engine.runs(CatalogQuery())
    assert {(row.test_run_id, row.status) for row in rows} == {(one.test_run_id, "cleaned"), (two.test_run_id, "ready")}
    assert [row.test_run_id for row in rows] == sorted((one.test_run_id, two.test_run_id), reverse=True)
    assert [row.test_run_id for row in await house.engine.runs(CatalogQuery(status="ready"))] == [two.test_run_id]
    assert len(await house.engine.runs(CatalogQuery(limit=1))) == 1


async def test_unknown_run(house: House) -> None:
    """A run that does not exist has no trail and no reset; an id that could leave a path is refused before."""
    with pytest.raises(RunNotFound, match="GET /catalog/runs lists the runs"):
        await house.engine.trail("nobody")
    with pytest.raises(RunNotFound):
        await house.engine.reset("nobody", "token", "x")
    for run_id in ("../x", ".hidden", ""):
        with pytest.raises(InvalidRequest):
            await house.engine.trail(run_id)
        with pytest.raises(InvalidRequest):
            await house.engine.reset(run_id, "token", "x")


async def test_wrong_token_deletes_nothing(house: House) -> None:
    """A wrong token is refused and recorded, and the right one works afterwards."""
    outcome = await house.ask()
    with pytest.raises(TokenMismatch):
        await house.engine.reset(outcome.test_run_id, "wrong", "agent:7")
    assert house.rows() == 2
    assert (await house.actions(outcome.test_run_id))[-1] == "reset_rejected"
    assert (await house.engine.reset(outcome.test_run_id, outcome.cleanup.cleanup_token, "x")).status == "cleaned"
    assert house.rows() == 0


async def test_check_asks_the_target(house: House) -> None:
    """The engine is well when its target answers."""
    await house.engine.check()
    assert house.weather.calls == ["target.check"]


async def test_keys_that_the_target_made_are_answered(house: House) -> None:
    """Answer, rows and trail tell the real keys, also when the answer is repeated for the same idempotency key."""
    house.out.target.numbered |= {"customer"}

    first = await house.ask("key", delivery=Delivery(return_records=True))
    again = await house.ask("key", delivery=Delivery(return_records=True))

    assert first.data["customer_id"] == 1
    assert not isinstance(first.records, UnsetType)
    assert [row["customer_id"] for row in (*first.records["customer"], *first.records["order"])] == [1, 1]
    assert (again.data, again.records) == (first.data, to_builtins(first.records))
    trail = await house.engine.trail(first.test_run_id)
    assert {"table_name": "customer", "primary_key": 1} in trail.records_created

"""What must be true once everything is back and time has passed: the questions asked of the bare objects and rows."""

from msgspec import Struct

from atdm_core.audit import Trail, run_status
from atdm_core.catalog import expiry_of
from atdm_core.ids import token_sha256
from atdm_core.strategy_trail import STRATEGY
from atdm_core.values import CatalogQuery, CatalogRow
from atdm_server.store import ObjectAuditLog, ObjectCatalog
from atdm_server.verify import verify_store
from tests.faults.simulation.bucket import BareStore
from tests.faults.simulation.promises import Broken, Life
from tests.faults.simulation.target import at_once
from tests.faults.simulation.world import World

__all__ = ["check_settlement"]


class _Found(Struct, frozen=True):
    trails: dict[str, Trail]
    rows: dict[str, CatalogRow]


async def check_settlement(world: World) -> None:
    """`Broken` when a run is open, lost, or in two minds."""
    audit, catalog = BareStore(world.audit), BareStore(world.catalog)
    report = await verify_store((audit, catalog))
    if not report.ok:
        raise Broken(f"verify: {report.problems}")
    found = await _read(audit, catalog)
    for run_id in world.promises.rows_by_run():
        _check_owner(run_id, world.promises.life(run_id), found)
    seeded = set(at_once(world.target.seeded("", 1_000_000)))
    for run_id, life in world.promises.lives.items():
        _check_told(run_id, life, found)
        _check_rows(world, run_id, life, found.trails.get(run_id), seeded)
    for run_id, trail in found.trails.items():
        if run_id.startswith(STRATEGY):
            _check_strategy(trail, is_done=run_id in world.promises.replaced_by)
        else:
            _check_rolled_back(run_id, trail)
    _check_none_open(world)


async def _read(audit: BareStore, catalog: BareStore) -> _Found:
    log = ObjectAuditLog(audit)
    run_ids = [key.removeprefix("runs/").removesuffix(".parquet") for key in await audit.keys("runs/")]
    trails = {run_id: await log.read(run_id) for run_id in run_ids}
    rows = await ObjectCatalog(catalog, log).runs(CatalogQuery(limit=1_000_000))
    return _Found(
        {run_id: trail for run_id, trail in trails.items() if trail is not None},
        {row.test_run_id: row for row in rows},
    )


def _check_owner(run_id: str, life: Life, found: _Found) -> None:
    """No row without a ready run."""
    status = _status(found.trails.get(run_id))
    if status != "ready" and not life.restored:
        raise Broken(f"run {run_id} has rows, and its trail says {status}")


def _check_told(run_id: str, life: Life, found: _Found) -> None:
    """What callers were told is on record."""
    status = _status(found.trails.get(run_id))
    if life.rejected and status != "rejected":
        raise Broken(f"run {run_id} was rejected, and its trail says {status}")
    if life.cleaned and status != "cleaned":
        raise Broken(f"run {run_id} was reset, and its trail says {status}")
    if life.answer is None:
        return
    row = found.rows.get(run_id)
    if status not in ("ready", "cleaned", "expired") or row is None:
        raise Broken(f"run {run_id} was acknowledged, and its trail says {status}, its row {row}")
    if row.status != status or row.token_sha256 != token_sha256(life.answer.cleanup.cleanup_token):
        raise Broken(f"run {run_id}: the row {row} is not that of the run that was acknowledged")
    if life.answer.audit_head not in {entry.hash.hex() for entry in found.trails[run_id].entries}:
        raise Broken(f"run {run_id}: the trail does not pass through the head that the answer told")


def _check_rows(world: World, run_id: str, life: Life, trail: Trail | None, seeded: set[str]) -> None:
    """Ledger, rows and trail tell the same."""
    status = _status(trail)
    if run_id in seeded and status != "ready":
        raise Broken(f"the ledger has run {run_id} as seeded, and its trail says {status}")
    if life.rows is None or status != "ready":
        return
    if run_id not in seeded and not life.restored:
        raise Broken(f"run {run_id} is ready, and the ledger has no rows of it")
    if life.deadline is not None and life.deadline < world.settled_at and not life.free:
        raise Broken(f"the time of run {run_id} was up at {life.deadline}, and it has not ended")
    in_order = not world.weather.seen["target: late"] and not world.weather.seen["target: twice"]
    if trail is not None and run_id in seeded and in_order and life.deadline != expiry_of(trail.events):
        raise Broken(f"run {run_id} has time until {life.deadline}, and its trail says {expiry_of(trail.events)}")


def _check_rolled_back(run_id: str, trail: Trail) -> None:
    actions = [event.action for event in trail.events]
    if "seed_failed" in actions and "rollback_completed" not in actions:
        raise Broken(f"run {run_id} is to be rolled back, and is not: {actions}")


def _check_strategy(trail: Trail, *, is_done: bool) -> None:
    """A strategy ends as it went in the target."""
    last = trail.events[-1].action
    if last.endswith("_started"):
        raise Broken(f"{trail.run_id} has no end")
    if last.startswith(("reset", "restore")) and last.endswith("_completed") != is_done:
        raise Broken(f"{trail.run_id} was carried out: {is_done}, and its trail says {last}")


def _check_none_open(world: World) -> None:
    for server in world.servers:
        if left := server.engine.left_open():
            raise Broken(f"server {server.number} still has work on these runs: {', '.join(left)}")


def _status(trail: Trail | None) -> str | None:
    return run_status(trail.events) if trail is not None else None

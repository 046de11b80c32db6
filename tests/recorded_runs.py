"""A real store with real runs in it, written by the store's own classes in the order in which the engine writes.

house = RecordedRuns(tmp_path)
await house.ready("01A"); await house.reset("01A"); await house.close()
"""

from datetime import date
from pathlib import Path

import msgspec

from atdm_core.audit import Mark, Trail, utc_now
from atdm_core.catalog import catalog_row
from atdm_core.ids import cleanup_token, token_sha256
from atdm_core.parquet import Signer
from atdm_core.values import Plan, Request
from atdm_server.store import ObjectAuditLog, ObjectCatalog, open_stores

INVOKER = "human:ann"


class RecordedRuns:
    """A store on disk below a folder, and the runs that were recorded in it."""

    def __init__(self, folder: Path, signer: Signer | None = None) -> None:
        self.folder = folder
        self.url = folder.as_uri()
        self.audit_store, self.catalog_store = open_stores(self.url)
        self.log = ObjectAuditLog(self.audit_store, signer)
        self.catalog = ObjectCatalog(self.catalog_store, self.log)

    async def close(self) -> None:
        """Return when everything is written."""
        await self.log.close()

    async def begun(self, run_id: str) -> Trail:
        """A run whose open mark is stored, and then its row; its server may die now."""
        trail = self._judged(run_id)
        token = token_sha256(cleanup_token(b"the key of a server", run_id))
        await self.log.note(
            Mark(
                kind="open",
                run_id=run_id,
                at=utc_now(),
                invoker=INVOKER,
                token_sha256=token,
                state="seeding",
                bodies=tuple(entry.body.decode() for entry in trail.entries),
            )
        )
        await self.catalog.record(catalog_row(trail, token))
        return trail

    async def ready(self, run_id: str) -> None:
        """A run that was seeded."""
        trail = await self.begun(run_id)
        counts = {"member": 1}
        trail.record("seed_started", invoker=INVOKER, inputs={"row_counts": counts})
        trail.record("seed_completed", invoker=INVOKER, outputs={"row_counts": counts, "expires_at": None})
        trail.record("fixtures_emitted", invoker=INVOKER, outputs={"paths": []})
        trail.record("catalog_recorded", invoker=INVOKER, outputs={"status": "ready"})
        await self._store(trail)
        await self._close_mark(trail, "ready")

    async def rolled_back(self, run_id: str) -> None:
        """A run whose target failed."""
        trail = await self.begun(run_id)
        trail.record("seed_failed", invoker=INVOKER, status="rolled_back", outputs={"error": {"code": "SEED_FAILED"}})
        await self._store(trail)
        await self._event(trail, "rollback_completed")
        await self._close_mark(trail, "rolled_back")

    async def rejected(self, run_id: str) -> None:
        """A run that a validator refused."""
        trail = self._judged(run_id, "plan_rejected")
        await self._store(trail)
        await self.catalog.record(catalog_row(trail, token_sha256("x")))

    async def reset(self, run_id: str) -> None:
        """A reset of a run that is ready."""
        trail = await self.trail(run_id)
        await self.log.note(Mark(kind="open", run_id=run_id, at=utc_now(), invoker=INVOKER, state="resetting"))
        await self._event(trail, "reset_started")
        await self._event(trail, "reset_completed")
        await self._close_mark(trail, "cleaned")

    async def denied(self, run_id: str) -> None:
        """A reset with the wrong token."""
        await self._event(await self.trail(run_id), "reset_rejected")
        await self.log.note(Mark(kind="denied", run_id=run_id, at=utc_now(), invoker=INVOKER, state="reset"))

    async def strategy(self, run_id: str) -> None:
        """The audit run of a strategy."""
        trail = Trail(run_id)
        trail.record("reset_started", invoker=INVOKER)
        await self._store(trail)
        await self._event(trail, "reset_completed")

    async def trail(self, run_id: str) -> Trail:
        """The trail of a run, as it is stored."""
        trail = await self.log.read(run_id)
        assert trail is not None
        return trail

    def path(self, key: str) -> Path:
        """The file of an object, by its key with the store before it."""
        return self.folder / key

    def stored(self, folder: str = "") -> list[str]:
        """The objects below a folder of the stores, sorted."""
        found = (path for path in (self.folder / folder).rglob("*") if path.is_file())
        return sorted(path.relative_to(self.folder).as_posix() for path in found)

    def _judged(self, run_id: str, verdict: str = "validators_passed") -> Trail:
        trail = Trail(run_id)
        request = Request(scenario="active_member_clean")
        plan = Plan(
            domain="healthcare",
            pack_version="1.0.0",
            scenario_id="active_member_clean",
            planner_mode="rule",
            seed=7,
            as_of=date(2026, 7, 4),
            constraints={"member_status": "active"},
            steps=(),
            validators=(),
        )
        inputs = {"request": msgspec.to_builtins(request), "request_id": f"tdr_{run_id}"}
        trail.record("request_received", invoker=INVOKER, inputs=inputs)
        trail.record("plan_resolved", invoker=INVOKER, outputs={"plan": msgspec.to_builtins(plan)})
        trail.record(verdict, invoker=INVOKER, outputs={"validator_decisions": []})
        return trail

    async def _event(self, trail: Trail, action: str) -> None:
        trail.record(action, invoker=INVOKER)
        await self._store(trail)

    async def _store(self, trail: Trail) -> None:
        await self.log.append(trail.unstored())
        trail.mark_stored()

    async def _close_mark(self, trail: Trail, state: str) -> None:
        at, head = utc_now(), trail.head.hex()
        await self.log.note(Mark(kind="close", run_id=trail.run_id, at=at, state=state, head=head))

"""Baselines on a real disk: kept whole, named once, and refused when damaged."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from atdm_core.errors import BaselineDamaged, BaselineExists, BaselineNotFound, NoBaseline
from atdm_core.protocols import Export
from atdm_server.store import DiskStore, ObjectBaselines

ROWS = [{"plan_id": "a", "name": None}, {"plan_id": "b", "name": "x"}]
MOMENT = datetime(2026, 7, 4, tzinfo=UTC)
BY = "strategy-baseline_snapshot-01K"


async def batches() -> AsyncIterator[tuple[str, pa.RecordBatch]]:
    """The rows, in two batches."""
    for row in ROWS:
        yield (
            "plan",
            pa.RecordBatch.from_pylist([row], schema=pa.schema([("plan_id", pa.string()), ("name", pa.string())])),
        )


def an_export(captured_at: datetime = MOMENT) -> Export:
    """An export of one table with rows and one without."""
    return Export(schema_version="1", captured_at=captured_at, tables=("plan", "claim"), batches=batches())


@pytest.fixture
def baselines(tmp_path: Path) -> ObjectBaselines:
    """Baselines in a folder."""
    return ObjectBaselines(DiskStore(tmp_path))


async def test_what_is_kept_comes_back(baselines: ObjectBaselines) -> None:
    """A baseline comes back with the rows, the schema and the moment it was kept with."""
    saved = await baselines.save("golden", an_export(), BY)
    assert saved.row_counts() == {"plan": 2, "claim": 0}
    assert saved.audit_run_id == BY
    async with baselines.open("golden") as (manifest, export):
        assert manifest == saved
        assert (export.schema_version, export.captured_at, export.tables) == ("1", MOMENT, ("plan", "claim"))
        rows = [row async for table, batch in export.batches for row in batch.to_pylist() if table == "plan"]
    assert rows == ROWS


async def test_latest_is_the_one_captured_last(baselines: ObjectBaselines) -> None:
    """Without a name the baseline captured last is opened, and the list has it first."""
    with pytest.raises(NoBaseline):
        async with baselines.open(None):
            pass
    await baselines.save("b", an_export(MOMENT + timedelta(days=1)), BY)
    await baselines.save("a", an_export(), BY)
    async with baselines.open(None) as (manifest, _):
        assert manifest.baseline_id == "b"
    assert [manifest.baseline_id for manifest in await baselines.manifests()] == ["b", "a"]


async def test_names_are_used_once(baselines: ObjectBaselines) -> None:
    """A name that is taken is refused, and one that is not known is told."""
    await baselines.save("golden", an_export(), BY)
    with pytest.raises(BaselineExists, match="choose another name"):
        await baselines.save("golden", an_export(), BY)
    with pytest.raises(BaselineNotFound):
        async with baselines.open("silver"):
            pass


@pytest.mark.parametrize("damage", ["flip", "drop"])
async def test_damage_is_found_before_the_first_row(baselines: ObjectBaselines, tmp_path: Path, damage: str) -> None:
    """A table that was changed or is gone is found before anything can be restored."""
    await baselines.save("golden", an_export(), BY)
    path = tmp_path / "baselines/golden/plan.parquet"
    content = path.read_bytes()
    path.unlink()
    if damage == "flip":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    with pytest.raises(BaselineDamaged, match="plan"):
        async with baselines.open("golden"):
            pass

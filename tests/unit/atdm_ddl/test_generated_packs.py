"""Packs that were made from DDL: each keeps the contract of packs, and its rows keep every constraint of its schema."""

import asyncio
import importlib
import os
import subprocess
import sys
from collections.abc import Generator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from atdm_core import Pack, generate, judge
from atdm_ddl import draft_pack, drift, read_ddl, write_pack
from target_healthcare.__main__ import prepare_database
from tests.postgres import fresh_database, start_postgres
from tests.unit.target_healthcare.bundles import SHA
from tests.unit.target_healthcare.conftest import running_target, settings_for

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
SCHEMAS = {
    "healthcare": ROOT / "sut/src/target_healthcare/healthcare/migrations/0001_init.sql",
    "shop": ROOT / "tests/packs/atdm-shop/migrations/0001_shop.sql",
    "odd_types": HERE / "schemas/odd_types.sql",
    "cycles": HERE / "schemas/cycles.sql",
    "dump": HERE / "schemas/dump.sql",
}


@pytest.fixture(scope="module")
def server() -> Generator[str]:
    """A PostgreSQL server."""
    with start_postgres() as dsn:
        yield dsn


@pytest.fixture(params=SCHEMAS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    """The name of a schema, and the folder of the pack that was made for it."""
    name: str = request.param
    write_pack(draft_pack(read_ddl(SCHEMAS[name].read_text(encoding="utf-8"))), f"made_{name}", tmp_path / "pack")
    return name, tmp_path / "pack"


def load(made: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Pack:
    """The pack, without installing it."""
    monkeypatch.syspath_prepend(str(made[1] / "src"))
    return importlib.import_module(f"atdm_made_{made[0]}").PACK


def test_it_keeps_the_contract_of_packs(made: tuple[str, Path]) -> None:
    """The pack passes its own tests, and is as tidy as ruff wants it."""
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=made[1],
        env={**os.environ, "PYTHONPATH": str(made[1] / "src")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    ruff = Path(sys.executable).with_name("ruff")
    for command in (
        ["check", "--select", "E,F,I,UP", "--line-length", "120"],
        ["format", "--check", "--line-length", "120"],
    ):
        done = subprocess.run([ruff, *command, "--isolated"], cwd=made[1], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_it_has_not_drifted(made: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A pack that was just made tells of no difference but the tables that it had to leave out."""
    told = drift(load(made, monkeypatch), read_ddl(SCHEMAS[made[0]].read_text(encoding="utf-8")))
    assert [line for line in told if not line.endswith("has no entity")] == []


def test_its_rows_are_taken_and_given_back(
    made: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, server: str, tmp_path: Path
) -> None:
    """The target writes two runs of one seed side by side and deletes them, and the database is as it was."""
    pack, folder = load(made, monkeypatch), tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_schema.sql").write_bytes(SCHEMAS[made[0]].read_bytes())
    plan = pack.plan("one_of_each", {}, seed=7, as_of=date(2026, 7, 4))

    async def come_and_go(dsn: str) -> None:
        settings = settings_for(dsn, TARGET_MIGRATIONS=str(folder), TARGET_POOL_SIZE="2")
        prepare_database(settings)
        async with running_target(settings) as target:
            before = (await target.get("/internal/digest")).json()["tables"]
            for run_id in ("one", "two"):
                bundle = generate(pack, plan, run_id)
                assert all(finding.ok for finding in judge(pack, plan, bundle))
                seed = {"bundle_sha": SHA, "tables": msgspec.to_builtins(bundle.records())}
                answer = await target.put(f"/internal/runs/{run_id}", json=seed)
                assert answer.status_code == 201, answer.text
                assert answer.json()["row_counts"] == dict.fromkeys(bundle.tables, 1)
            for run_id in ("one", "two"):
                assert (await target.delete(f"/internal/runs/{run_id}")).status_code == 200
            assert (await target.get("/internal/digest")).json()["tables"] == before

    with fresh_database(server) as dsn:
        asyncio.run(come_and_go(dsn))

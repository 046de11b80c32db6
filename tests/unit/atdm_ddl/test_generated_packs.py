"""Packs that were made from DDL: each keeps the contract of packs, and its rows keep every constraint of its schema."""

import asyncio
import importlib
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest

from atdm_core import Pack, generate, judge
from atdm_core.testing import PackContract
from atdm_ddl import draft_pack, drift, read_ddl, write_pack
from target_healthcare.__main__ import prepare_database
from tests.postgres import fresh_database
from tests.unit.target_healthcare.bundles import SHA
from tests.unit.target_healthcare.conftest import running_target, settings_for

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[3]
SCHEMAS = {
    "healthcare": ROOT / "sut/src/target_healthcare/healthcare/migrations/0001_init.sql",
    "shop": ROOT / "tests/packs/atdm-shop/migrations/0001_shop.sql",
    "odd_types": HERE / "schemas/odd_types.sql",
    "cycles": HERE / "schemas/cycles.sql",
    "dump": HERE / "schemas/dump.sql",
    "crossed": HERE / "schemas/crossed.sql",
    **{
        name: HERE / f"schemas/{name}.sql"
        for name in (
            *("awkward", "checks", "cycle_of_three", "domains", "generated", "names", "orders", "parts", "references"),
            *("types", "unique", "mixed", "billing", "triggers"),
        )
    },
}
TESTS_OF_A_PACK = sum(name.startswith("test_") for name in dir(PackContract))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packs that were made of all schemas, each under the schema's name."""
    folder = tmp_path_factory.mktemp("packs")
    for name, ddl in SCHEMAS.items():
        write_pack(draft_pack(read_ddl(ddl.read_text(encoding="utf-8"))), f"made_{name}", folder / name)
    return folder


@pytest.fixture(params=SCHEMAS)
def made(request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Pack]:
    """The name of a schema, and the pack that was made for it, without installing it."""
    name: str = request.param
    monkeypatch.syspath_prepend(str(folder / name / "src"))
    return name, importlib.import_module(f"atdm_made_{name}").PACK


def test_they_keep_the_contract_of_packs(folder: Path) -> None:
    """Each pack passes its own tests; in one program, because starting it takes longer than they do."""
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"{name}/tests" for name in SCHEMAS)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(str(folder / name / "src") for name in SCHEMAS)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert told.returncode == 0, told.stdout
    assert f"{TESTS_OF_A_PACK * len(SCHEMAS)} passed" in told.stdout


@pytest.mark.parametrize("name", SCHEMAS)
def test_it_is_tidy(folder: Path, name: str) -> None:
    """The pack is as tidy as ruff wants it."""
    for command in ("check --select E,F,I,UP", "format --check"):
        words = [Path(sys.executable).with_name("ruff"), *command.split(), "--line-length", "120", "--isolated"]
        done = subprocess.run(words, cwd=folder / name, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_it_has_not_drifted(made: tuple[str, Pack]) -> None:
    """A pack that was just made tells of no difference, not even of the tables that it had to leave out."""
    name, pack = made
    assert drift(pack, read_ddl(SCHEMAS[name].read_text(encoding="utf-8"))) == []


def test_its_rows_are_taken_and_given_back(made: tuple[str, Pack], server: str, tmp_path: Path) -> None:
    """The target writes two runs of one seed side by side and deletes them, and the database is as it was."""
    name, pack = made
    (tmp_path / "0001_schema.sql").write_bytes(SCHEMAS[name].read_bytes())
    plan = pack.plan("one_of_each", {}, seed=7, as_of=date(2026, 7, 4))

    async def come_and_go(dsn: str) -> None:
        settings = settings_for(dsn, TARGET_MIGRATIONS=str(tmp_path), TARGET_POOL_SIZE="2")
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
                answer = await target.delete(f"/internal/runs/{run_id}")
                assert answer.status_code == 200, answer.text
            assert (await target.get("/internal/digest")).json()["tables"] == before

    with fresh_database(server) as dsn:
        asyncio.run(come_and_go(dsn))

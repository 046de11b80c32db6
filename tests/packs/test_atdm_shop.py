"""A pack of another domain, installed as others install theirs, and run against a database of its own tables."""

import json
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local_stack.home import Home
from tests.docs.how_to import Checkout, checkout

SHOP = Path(__file__).parent / "atdm-shop"
TABLES = ("customer", "address", "product", "cart", "order", "payment", "shipment", "refund")
MOST_LINES = 300  # without its scenarios' YAML, that is: what is code
SCENARIOS = {path.stem for path in (SHOP / "src" / "atdm_shop" / "scenarios").iterdir()}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Generator[Checkout]:
    """A checkout with the shop installed from a copy of its sources, as a wheel."""
    folder = tmp_path_factory.mktemp("shop")
    shutil.copytree(SHOP, folder / "atdm-shop", ignore=shutil.ignore_patterns("__pycache__"))
    with checkout(folder / "atdm", "infra", "packages", "pyproject.toml", "sut", ".tools") as made:
        made.run(".tools/bin/uv pip install --quiet --no-deps ../atdm-shop")
        yield made


def test_the_pack_is_small() -> None:
    """Eight entities and eight scenarios are less than three hundred lines of Python and TOML."""
    files = [path for kind in ("*.py", "*.toml") for path in SHOP.rglob(kind)]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) <= MOST_LINES
    assert len(SCENARIOS) == 8


def test_the_pack_keeps_the_contract_of_packs(shop: Checkout) -> None:
    """The installed pack passes the suite that every pack inherits."""
    told = shop.run(".venv/bin/python -m pytest -q -p no:cacheprovider ../atdm-shop/tests")
    assert " passed" in told
    assert "failed" not in told


def test_every_scenario_is_seeded_and_taken_back(shop: Checkout) -> None:
    """Each of the eight scenarios becomes rows of the shop's tables, and a reset leaves the database as it was."""
    home = shop.folder.parent / ".atdm"
    shop.environment |= {"ATDM_HOME": str(home), "TARGET_MIGRATIONS": str(shop.folder.parent / "atdm-shop/migrations")}
    shop.run("make up")
    record = Home(home).read_record()
    assert record is not None
    with psycopg.connect(record.postgres_dsn, autocommit=True) as database:
        for scenario in sorted(SCENARIOS):
            run = answer_of(shop, f"request {scenario} --seed 7 --as-of 2026-07-04")
            assert count(database) == len(run["data"]) >= 4, scenario
            answer_of(shop, f"reset {run['test_run_id']} --token {run['cleanup']['cleanup_token']}")
            assert count(database) == 0
        run = answer_of(shop, "request pending_refund --seed 7 --as-of 2026-07-04")
        row = database.execute("SELECT status, amount, test_run_id FROM refund").fetchone()
        assert row is not None
        assert (row[0], row[2]) == ("pending", run["test_run_id"])
        assert row[1] == database.execute('SELECT total FROM "order"').fetchone()[0]  # type: ignore[index]


def test_what_contradicts_itself_is_refused(shop: Checkout) -> None:
    """Constraints that the shop's validators forbid are refused, with the rule."""
    told = shop.run(".venv/bin/atdm request pending_refund -c payment_status=failed", fails=True)
    assert "VALIDATOR_REJECTED" in told
    assert "What is sent has been paid" in told


def answer_of(shop: Checkout, command: str) -> dict[str, Any]:
    """What the program answers to a command."""
    return json.loads(shop.run(f".venv/bin/atdm -o json {command}"))


def count(database: psycopg.Connection[Any]) -> int:
    """The rows of all tables of the shop."""
    counted = (database.execute(f'SELECT count(*) FROM "{table}"'.encode()).fetchone() for table in TABLES)
    return sum(row[0] for row in counted if row)

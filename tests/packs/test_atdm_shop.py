"""A pack of another domain, installed as others install theirs, and run against a database of its own tables."""

import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from atdm.client import AtdmClient
from tests.docs.how_to import Checkout
from tests.packs.stacks import running_stack

SHOP = Path(__file__).parent / "atdm-shop"
TABLES = ("customer", "address", "product", "cart", "order", "payment", "shipment", "refund")
MOST_LINES = 300  # without its scenarios' YAML, that is: what is code
SCENARIOS = {path.stem for path in (SHOP / "src" / "atdm_shop" / "scenarios").iterdir()}


@pytest.fixture(scope="module")
def shop(atdm: Checkout) -> Checkout:
    """A checkout with the shop installed from a copy of its sources, as a wheel."""
    shutil.copytree(SHOP, atdm.folder.parent / "atdm-shop", ignore=shutil.ignore_patterns("__pycache__"))
    atdm.run(".tools/bin/uv pip install --quiet --no-deps ../atdm-shop")
    return atdm


@pytest.fixture(scope="module")
def stack(shop: Checkout) -> Generator[tuple[AtdmClient, str]]:
    """A stack on the shop's tables."""
    folder = shop.folder.parent
    with running_stack(shop, folder / "shop", TARGET_MIGRATIONS=str(folder / "atdm-shop/migrations")) as running:
        yield running


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


def test_every_scenario_is_seeded_and_taken_back(stack: tuple[AtdmClient, str]) -> None:
    """Each of the eight scenarios becomes rows of the shop's tables, and a reset leaves the database as it was."""
    client, dsn = stack
    before = client.get_digest()
    with psycopg.connect(dsn, autocommit=True) as database:
        for scenario in sorted(SCENARIOS):
            run = client.request_scenario(scenario, seed=7, as_of="2026-07-04")
            assert count(database) == len(run["data"]) >= 4, scenario
            client.reset_run(run["test_run_id"], run["cleanup"]["cleanup_token"])
            assert client.get_digest() == before
        run = client.request_scenario("pending_refund", seed=7, as_of="2026-07-04")
        row = database.execute("SELECT status, amount, test_run_id FROM refund").fetchone()
        assert row is not None
        assert (row[0], row[2]) == ("pending", run["test_run_id"])
        assert row[1] == database.execute('SELECT total FROM "order"').fetchone()[0]  # type: ignore[index]


def test_what_contradicts_itself_is_refused(shop: Checkout, stack: tuple[AtdmClient, str]) -> None:
    """Constraints that the shop's validators forbid are refused, with the rule."""
    told = shop.run(".venv/bin/atdm request pending_refund -c payment_status=failed", fails=True)
    assert "VALIDATOR_REJECTED" in told
    assert "What is sent has been paid" in told


def count(database: psycopg.Connection[Any]) -> int:
    """The rows of all tables of the shop."""
    counted = (database.execute(f'SELECT count(*) FROM "{table}"'.encode()).fetchone() for table in TABLES)
    return sum(row[0] for row in counted if row)

from pathlib import Path

import httpx2
import pytest

from target_healthcare.__main__ import prepare_database
from target_healthcare.routes.rows import plural
from tests.unit.target_healthcare.bundles import denied_claim, seed_body
from tests.unit.target_healthcare.conftest import running_target, settings_for


@pytest.mark.parametrize(
    ("path", "table"),
    [
        ("/plans/plan-r", "plan"),
        ("/providers/prov-r", "provider"),
        ("/members/m-r", "member"),
        ("/eligibilities/elig-r", "eligibility"),
        ("/claims/claim-r", "claim"),
    ],
)
async def test_a_row_is_read_as_it_was_seeded(client: httpx2.AsyncClient, path: str, table: str) -> None:
    """Dates and times come back as they were sent."""
    await client.put("/internal/runs/r", json=seed_body("r"))

    assert (await client.get(path)).json() == denied_claim("r")[table][0]


def test_plurals() -> None:
    """Resources are named in the plural."""
    assert [plural("claim"), plural("eligibility"), plural("procedure_code")] == [
        "claims",
        "eligibilities",
        "procedure_codes",
    ]


async def test_any_schema_is_served(empty_database: str, tmp_path: Path) -> None:
    """Another schema gets its own routes, and none of healthcare."""
    (tmp_path / "0001_shop.sql").write_text(
        "CREATE TABLE customer (id text PRIMARY KEY, test_run_id text NOT NULL);"
        "CREATE TABLE basket (id text PRIMARY KEY, owner text NOT NULL REFERENCES customer, test_run_id text NOT NULL)"
    )
    settings = settings_for(empty_database, TARGET_MIGRATIONS=str(tmp_path))
    prepare_database(settings)
    async with running_target(settings) as client:
        tables = {
            "basket": [{"id": "b", "owner": "c", "test_run_id": "r"}],
            "customer": [{"id": "c", "test_run_id": "r"}],
        }
        seeded = await client.put("/internal/runs/r", json={"bundle_sha": "c" * 64, "tables": tables})

        assert seeded.status_code == 201
        assert (await client.get("/baskets/b")).json() == tables["basket"][0]
        assert (await client.get("/members/m")).status_code == 404
        assert (await client.get("/ui/members/m")).status_code == 404
        assert (await client.delete("/internal/runs/r")).json()["deleted_counts"] == {"customer": 1, "basket": 1}

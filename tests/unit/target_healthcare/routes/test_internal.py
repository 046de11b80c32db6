"""The target contract over HTTP."""

import asyncio
from typing import TypeAlias

import httpx2
import psycopg
import pytest

from tests.unit.target_healthcare.bundles import OTHER_SHA, SHA, denied_claim, seed_body
from tests.unit.target_healthcare.test_responses import assert_error

Sql: TypeAlias = psycopg.Connection[tuple[object, ...]]


async def test_a_run_s_whole_life(client: httpx2.AsyncClient) -> None:
    """Seed, seed again, read, list, delete, delete again, and too late to seed."""
    counts = {"claim": 1, "eligibility": 1, "member": 1, "provider": 1, "plan": 1}
    first = await client.put("/internal/runs/r", json=seed_body("r", ttl_seconds=60))
    again = await client.put("/internal/runs/r", json=seed_body("r", ttl_seconds=60))
    found = await client.get("/internal/runs/r")
    listed = await client.get("/internal/runs", params={"state": "seeded"})
    deleted = await client.delete("/internal/runs/r")
    repeated = await client.delete("/internal/runs/r")

    assert (first.status_code, again.status_code) == (201, 200)
    described = found.json()
    answer = {"run_id": "r", "state": "seeded", "row_counts": counts, "keys": {}, "expires_at": described["expires_at"]}
    assert first.json() == again.json() == answer
    assert described["row_counts"] == counts | {"procedure_code": 0, "diagnosis_code": 0}
    assert described.keys() == {
        "run_id",
        "state",
        "bundle_sha",
        "created_at",
        "expires_at",
        "taken_back_by",
        "row_counts",
    }
    summary = {name: described[name] for name in ("run_id", "state", "created_at", "expires_at")}
    assert listed.json() == {"runs": [summary]}
    assert deleted.json()["previous_state"] == "seeded"
    assert deleted.json()["deleted_counts"] == described["row_counts"]
    assert deleted.json()["deleted_keys"]["claim"] == [{"claim_id": "claim-r"}]
    assert deleted.json()["residue"] == []
    assert repeated.json()["previous_state"] == "deleted"
    assert_error(await client.put("/internal/runs/r", json=seed_body("r")), 410, "RUN_DELETED")


async def test_a_run_lives_until_its_time_is_up(client: httpx2.AsyncClient, sql: Sql) -> None:
    """A run is listed as expired and can be expired once its time is up, not before, and not after an extension."""
    await client.put("/internal/runs/r", json=seed_body("r", ttl_seconds=60))

    early = await client.delete("/internal/expired/r")
    sql.execute("UPDATE atdm_run SET expires_at = now() - interval '1 s'")
    listed = await client.get("/internal/expired")
    extended = await client.patch("/internal/runs/r", json={"ttl_seconds": 90})
    saved = await client.delete("/internal/expired/r")
    sql.execute("UPDATE atdm_run SET expires_at = now() - interval '1 s'")
    expired, again = await client.delete("/internal/expired/r"), await client.delete("/internal/expired/r")

    assert assert_error(early, 409, "NOT_EXPIRED").keys() == {"expires_at"}
    assert [run["run_id"] for run in listed.json()["runs"]] == ["r"]
    assert extended.json().keys() == {"run_id", "expires_at"}
    assert_error(saved, 409, "NOT_EXPIRED")
    assert expired.json()["previous_state"] == "seeded"
    assert expired.json()["deleted_counts"]["claim"] == 1
    assert (again.json()["previous_state"], again.json()["deleted_counts"]["claim"]) == ("deleted", 0)
    assert (await client.get("/internal/expired")).json() == {"runs": []}
    assert_error(await client.patch("/internal/runs/r", json={"ttl_seconds": 90}), 410, "RUN_DELETED")
    assert_error(await client.patch("/internal/runs/none", json={"ttl_seconds": 90}), 404, "RUN_NOT_FOUND")
    assert_error(await client.delete("/internal/expired/none"), 409, "NOT_EXPIRED")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"ttl_seconds": 0}', b'{"ttl_seconds": 1e9}', b'{"ttl_seconds": 1, "more": 2}']
)
async def test_an_extension_has_a_shape(client: httpx2.AsyncClient, body: bytes) -> None:
    """A body that is no extension is refused, and the run lives as long as it did."""
    first = (await client.put("/internal/runs/r", json=seed_body("r", ttl_seconds=60))).json()

    headers = {"content-type": "application/json"}
    assert_error(await client.patch("/internal/runs/r", content=body, headers=headers), 400, "INVALID_REQUEST")
    assert (await client.get("/internal/runs/r")).json()["expires_at"] == first["expires_at"]


async def test_an_unknown_run_is_not_found_and_can_be_buried(client: httpx2.AsyncClient) -> None:
    """Reading an unknown run is 404; deleting it leaves a tombstone."""
    assert_error(await client.get("/internal/runs/r"), 404, "RUN_NOT_FOUND")

    assert (await client.delete("/internal/runs/r")).json()["previous_state"] is None
    assert (await client.get("/internal/runs/r")).json()["bundle_sha"] is None


async def test_another_bundle_is_a_conflict(client: httpx2.AsyncClient) -> None:
    """The same id with another hash is refused."""
    await client.put("/internal/runs/r", json=seed_body("r"))

    assert_error(await client.put("/internal/runs/r", json=seed_body("r", OTHER_SHA)), 409, "RUN_CONFLICT")


@pytest.mark.parametrize(
    ("table", "change", "refusal", "details"),
    [
        ("plan", {"plan_id": "plan-taken"}, (409, "DUPLICATE_KEY"), {"table": "plan", "constraint": "plan_pkey"}),
        (
            "member",
            {"first_name": "Alice"},
            (422, "CONSTRAINT_VIOLATED"),
            {"table": "member", "constraint": "member_first_name_fake", "sqlstate": "23514"},
        ),
        ("member", {"address_zip": None}, (422, "CONSTRAINT_VIOLATED"), {"column": "address_zip", "sqlstate": "23502"}),
        ("claim", {"provider_id": "none"}, (422, "CONSTRAINT_VIOLATED"), {"constraint": "claim_provider_exists"}),
        ("eligibility", {"effective_to": "2020-01-01"}, (422, "CONSTRAINT_VIOLATED"), {"table": "eligibility"}),
        ("eligibility", {"effective_to": "yesterday-ish"}, (422, "INVALID_VALUE"), {"sqlstate": "22007"}),
        ("eligibility", {"effective_to": "2026-02-30"}, (422, "INVALID_VALUE"), {"sqlstate": "22008"}),
        ("plan", {"name": "nul \0"}, (422, "INVALID_VALUE"), {"sqlstate": "22P05"}),
        ("plan", {"plan_id": "x" * 1_000_000}, (422, "INVALID_VALUE"), {}),
        ("plan", {"colour": "red"}, (422, "UNKNOWN_COLUMN"), {"table": "plan", "column": "colour"}),
        ("plan", {"test_run_id": "other"}, (422, "INVALID_VALUE"), {"table": "plan", "column": "test_run_id"}),
    ],
)
async def test_a_refused_row_names_its_place_and_leaves_nothing(
    client: httpx2.AsyncClient,
    table: str,
    change: dict[str, object],
    refusal: tuple[int, str],
    details: dict[str, object],
) -> None:
    """Whatever refuses a row says where, and neither row nor run is left."""
    await client.put("/internal/runs/taken", json=seed_body("taken"))
    tables = denied_claim("r")
    tables[table][0] |= change

    response = await client.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": tables})

    assert assert_error(response, *refusal).items() >= details.items()
    assert_error(await client.get("/internal/runs/r"), 404, "RUN_NOT_FOUND")
    assert (await client.get("/plans/plan-r")).status_code == 404


async def test_random_keys_too_long_for_an_index_are_refused(client: httpx2.AsyncClient) -> None:
    """A key no index can hold is the caller's fault, not the target's."""
    tables = denied_claim("r")
    tables["plan"][0]["plan_id"] = "".join(chr(0x4E00 + (number * 7919) % 20000) for number in range(4000))

    response = await client.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": tables})

    assert_error(response, 422, "INVALID_VALUE")


async def test_an_unknown_table_lists_those_there_are(client: httpx2.AsyncClient) -> None:
    """The refusal names the tables that take rows."""
    response = await client.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": {"pet": []}})

    details = assert_error(response, 422, "UNKNOWN_TABLE")
    assert details["tables"] == (await _tables(client))


async def test_an_empty_bundle_is_a_run(client: httpx2.AsyncClient) -> None:
    """A bundle without rows is seeded and deleted like any other."""
    response = await client.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": {"plan": []}})

    assert (response.status_code, response.json()["row_counts"]) == (201, {"plan": 0})
    assert (await client.delete("/internal/runs/r")).json()["previous_state"] == "seeded"


async def test_rows_of_others_forbid_a_delete(client: httpx2.AsyncClient) -> None:
    """A member posted under a run's plan keeps that run in place and is named."""
    await client.put("/internal/runs/r", json=seed_body("r"))
    tables = {"member": [denied_claim("s")["member"][0] | {"plan_id": "plan-r"}]}
    await client.put("/internal/runs/s", json={"bundle_sha": SHA, "tables": tables})

    details = assert_error(await client.delete("/internal/runs/r"), 409, "ROWS_REFERENCED")

    residue = [{"table": "member", "key": {"member_id": "m-s"}, "reason": "references", "deleted": False}]
    assert (details["table"], details["residue"]) == ("member", residue)


async def test_many_rows_of_one_table(client: httpx2.AsyncClient) -> None:
    """A bundle may hold thousands of rows."""
    plans = [denied_claim("r")["plan"][0] | {"plan_id": f"plan-{number}"} for number in range(5000)]

    response = await client.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": {"plan": plans}})

    assert response.json()["row_counts"] == {"plan": 5000}
    assert (await client.delete("/internal/runs/r")).json()["deleted_counts"]["plan"] == 5000


async def test_more_callers_than_connections(client: httpx2.AsyncClient) -> None:
    """Callers wait for a connection instead of failing."""
    answers = await asyncio.gather(
        *(client.put(f"/internal/runs/r{number}", json=seed_body(f"r{number}")) for number in range(40))
    )

    assert {answer.status_code for answer in answers} == {201}


async def test_the_schema_is_the_contract_s(client: httpx2.AsyncClient) -> None:
    """Tables come parents first, without ledger and history, and health has the same version."""
    schema = (await client.get("/internal/schema")).json()

    assert [table["name"] for table in schema["tables"]] == await _tables(client)
    assert [t["run_column_nullable"] for t in schema["tables"] if t["name"].endswith("_code")] == [True, True]
    assert (await client.get("/health")).json()["schema_version"] == schema["schema_version"]


async def _tables(client: httpx2.AsyncClient) -> list[str]:
    names = [table["name"] for table in (await client.get("/internal/schema")).json()["tables"]]
    assert names == ["plan", "provider", "procedure_code", "diagnosis_code", "member", "eligibility", "claim"]
    return names

"""A schema of other people, as pg_dump writes it, behind the target: nothing in it knows of runs."""

from typing import Any

import httpx2
import pytest

from tests.unit.target_healthcare.bundles import SHA
from tests.unit.target_healthcare.foreign import CIRCLE, COUNTS, Sql, Tables, delete, digest, nonzero


async def seed(target: httpx2.AsyncClient, run_id: str, tables: Tables, status: int = 201) -> dict[str, Any]:
    """Seed rows, and return the answer."""
    answer = await target.put(f"/internal/runs/{run_id}", json={"bundle_sha": SHA, "tables": tables})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_the_database_makes_the_keys(target: httpx2.AsyncClient, sql: Sql) -> None:
    """A symbolic key becomes the next of the identity column, wherever a row of the bundle refers to it."""
    order = {"id": "order-1", "customer_id": "customer-1", "total": 5}

    answer = await seed(target, "r", {"customer": [{"id": "customer-1", "name": "A"}], "order": [order]})

    assert answer["keys"] == {"customer-1": 3, "order-1": 2}
    assert answer["row_counts"] == {"customer": 1, "order": 1}
    row = sql.execute('SELECT "order".id, c.id, name FROM "order" JOIN customer AS c ON c.id = customer_id').fetchall()
    assert (2, 3, "A") in row


async def test_a_circle_of_rows_comes_and_goes(target: httpx2.AsyncClient, sql: Sql) -> None:
    """Rows that refer to one another in a circle are seeded, counted and deleted, and what was there is unchanged."""
    before = await digest(target)

    answer = await seed(target, "r", CIRCLE)

    assert answer["row_counts"] == COUNTS
    assert set(answer["keys"]) == {"customer-1", "customer-2", "order-1", "product-1", "shelf-1"}
    described = (await target.get("/internal/runs/r")).json()
    assert nonzero(described["row_counts"]) == COUNTS
    (total,) = sql.execute('SELECT total FROM "order" WHERE id = %s', [answer["keys"]["order-1"]]).fetchone() or (None,)
    assert str(total) == "12.30"

    deletion = await delete(target, "r")

    assert (deletion["previous_state"], deletion["residue"]) == ("seeded", [])
    assert nonzero(deletion["deleted_counts"]) == COUNTS
    assert deletion["deleted_keys"]["line"] == [{"order_id": answer["keys"]["order-1"], "number": 7}]
    assert await digest(target) == before
    assert sql.execute("SELECT count(*) FROM atdm_run_row").fetchone() == (0,)


async def test_numbers_and_uuids_stand_for_themselves(target: httpx2.AsyncClient, sql: Sql) -> None:
    """A row may bring its own key where the database allows, refer to rows that are there, and have no key at all."""
    uuid = "01890a5d-ac96-774b-bcce-b302099a8057"
    before = await digest(target)

    answer = await seed(
        target,
        "r",
        {
            "order": [{"id": 700, "customer_id": 1, "total": 1}, {"id": "700000", "customer_id": "2", "total": 2}],
            "product": [{"id": uuid, "sku": "X", "maker": 2}],
            "customer": [{"name": "nameless"}],
        },
    )

    assert answer["keys"] == {}
    assert sql.execute('SELECT id FROM "order" WHERE id > 1 ORDER BY id').fetchall() == [(700,), (700000,)]
    keys = (await delete(target, "r"))["deleted_keys"]
    assert sorted(key["id"] for key in keys.pop("order")) == [700, 700000]
    assert keys == {"customer": [{"id": 3}], "product": [{"id": uuid}]}
    assert await digest(target) == before


async def test_the_same_bundle_gets_the_same_keys(target: httpx2.AsyncClient) -> None:
    """A seed that is repeated is answered with the keys that the first one made."""
    first = await seed(target, "r", CIRCLE)

    assert await seed(target, "r", CIRCLE, status=200) == first


@pytest.mark.parametrize(
    ("tables", "code", "words"),
    [
        (
            {"order": [{"id": "o", "customer_id": "c", "total": 1}]},
            "INVALID_VALUE",
            "refers to 'c', which is no row of",
        ),
        ({"note": [{"text": "x"}]}, "UNKNOWN_TABLE", "no table 'note' takes rows of runs"),
        (
            {"customer": [{"id": "x", "name": "A"}], "shelf": [{"id": "x", "product": None}]},
            "INVALID_REQUEST",
            "'x' names a row of",
        ),
        ({"customer": [{"id": 99, "name": "A"}]}, "INVALID_VALUE", "non-DEFAULT value into column"),
        ({"line": [{"order_id": 1, "number": 1, "product": None}]}, "CONSTRAINT_VIOLATED", "null value"),
        ({"customer": [{"id": "c", "name": "A", "test_run_id": "r"}]}, "UNKNOWN_COLUMN", "no column 'test_run_id'"),
    ],
)
async def test_what_cannot_be_seeded_leaves_nothing(
    target: httpx2.AsyncClient, tables: Tables, code: str, words: str
) -> None:
    """A refusal says what is wrong, and neither rows nor the run are there."""
    before = await digest(target)

    answer = await target.put("/internal/runs/r", json={"bundle_sha": SHA, "tables": tables})

    assert answer.json()["error"]["code"] == code
    assert words in answer.json()["error"]["message"]
    assert await digest(target) == before
    assert (await target.get("/internal/runs/r")).status_code == 404


async def test_each_run_takes_back_its_own_rows(target: httpx2.AsyncClient) -> None:
    """Of two runs and the application's own rows a delete reaches the rows of its run only."""
    before = await digest(target)
    await seed(target, "r", CIRCLE)
    with_r = await digest(target)
    await seed(target, "s", CIRCLE | {"parcel": [{"code": "parcel-2", "order_id": "order-1", "number": 7}]})

    assert nonzero((await delete(target, "s"))["deleted_counts"]) == COUNTS
    assert await digest(target) == with_r
    assert nonzero((await target.get("/internal/runs/r")).json()["row_counts"]) == COUNTS
    assert nonzero((await delete(target, "r"))["deleted_counts"]) == COUNTS
    assert await digest(target) == before


async def test_rows_of_the_application_go_with_those_they_hang_on(target: httpx2.AsyncClient, sql: Sql) -> None:
    """What the application put under a run's rows is deleted with them and told; its other rows stay."""
    before = await digest(target)
    keys = (await seed(target, "r", CIRCLE))["keys"]
    customer, order = keys["customer-1"], keys["order-1"]
    sql.execute('INSERT INTO "order" (id, customer_id, total) VALUES (5000, %s, 1)', [customer])
    sql.execute("INSERT INTO line SELECT %s, 8, id FROM product LIMIT 1", [order])
    sql.execute("INSERT INTO note VALUES (%s, 'called')", [customer])

    residue = (await delete(target, "r"))["residue"]

    assert sorted((row["table"], row["deleted"]) for row in residue) == [
        ("line", True),
        ("note", True),
        ("order", True),
    ]
    assert {"table": "order", "key": {"id": 5000}, "reason": "references", "deleted": True} in residue
    assert await digest(target) == before


async def test_rows_of_another_run_forbid_a_deletion(target: httpx2.AsyncClient) -> None:
    """The ledger knows whose a row is, also where a foreign key would delete it unseen, and names it."""
    keys = (await seed(target, "r", CIRCLE))["keys"]
    await seed(target, "s", {"line": [{"order_id": keys["order-1"], "number": 9, "product": keys["product-1"]}]})

    answer = await target.delete("/internal/runs/r")

    assert answer.status_code == 409
    key = {"order_id": keys["order-1"], "number": 9}
    assert [(row["table"], row["key"]) for row in answer.json()["error"]["details"]["residue"]] == [("line", key)]
    await delete(target, "s")
    await delete(target, "r")


async def test_all_runs_go_together(target: httpx2.AsyncClient, sql: Sql) -> None:
    """A deletion of all takes the rows of every run, and what nobody seeded stays."""
    before = await digest(target)
    await seed(target, "r", CIRCLE)
    await seed(target, "s", CIRCLE | {"parcel": [{"code": "parcel-2", "order_id": "order-1", "number": 7}]})

    answer = (await target.delete("/internal/runs")).json()

    assert nonzero(answer["deleted_counts"]) == {name: 2 * count for name, count in COUNTS.items()}
    assert await digest(target) == before
    assert sql.execute("SELECT count(*) FROM atdm_run_row").fetchone() == (0,)


async def test_a_row_written_again_is_of_whom_wrote_it_last(target: httpx2.AsyncClient, sql: Sql) -> None:
    """Where a run's row is gone and another run wrote one with its key, the first run leaves that alone."""
    order = {"id": 700, "customer_id": 1, "total": 1}
    await seed(target, "r", {"order": [order]})
    sql.execute('DELETE FROM "order" WHERE id = 700')
    await seed(target, "s", {"order": [order]})

    assert nonzero((await delete(target, "r"))["deleted_counts"]) == {}
    assert nonzero((await delete(target, "s"))["deleted_counts"]) == {"order": 1}


async def test_a_restore_forgets_whose_the_rows_were(target: httpx2.AsyncClient, sql: Sql) -> None:
    """After a restore a late delete of an earlier run takes no row that has come to have its key."""
    schema_version = (await target.get("/health")).json()["schema_version"]
    export = await target.get("/internal/database")
    key = (await seed(target, "r", {"customer": [{"id": "c", "name": "A"}]}))["keys"]["c"]

    restored = await target.put("/internal/database", params={"schema_version": schema_version}, content=export.content)
    assert restored.status_code == 200, restored.text
    assert sql.execute("INSERT INTO customer (name) VALUES ('own 3') RETURNING id").fetchone() == (key,)
    assert nonzero((await delete(target, "r"))["deleted_counts"]) == {}

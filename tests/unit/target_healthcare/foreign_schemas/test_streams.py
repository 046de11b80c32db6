"""Runs that come as a stream into a schema of other people."""

import httpx2
import pyarrow as pa
import pytest

from target_healthcare.baseline.frames import Batch, Done, write_frame
from target_healthcare.errors import InvalidRequest
from target_healthcare.migrations import Migration
from target_healthcare.schema import read_schema
from target_healthcare.volume_groups import read_groups
from tests.unit.target_healthcare.bundles import SHA
from tests.unit.target_healthcare.foreign import CIRCLE, DUMP, Sql, Tables, delete, digest, nonzero


async def load(target: httpx2.AsyncClient, run_id: str, *groups: Tables) -> httpx2.Response:
    """Send rows as a stream of groups."""
    counts: dict[str, int] = {}
    frames: list[bytes] = []
    for number, tables in enumerate(groups):
        for table, rows in tables.items():
            sink = pa.BufferOutputStream()
            batch = pa.RecordBatch.from_pylist(rows)
            with pa.ipc.new_stream(sink, batch.schema) as writer:
                writer.write_batch(batch)
            frames.append(write_frame(Batch(table, len(rows), number), memoryview(sink.getvalue())))
            counts[table] = counts.get(table, 0) + len(rows)
    content = b"".join(frames) + write_frame(Done(counts))
    return await target.put(f"/internal/runs/{run_id}/rows", params={"bundle_sha": SHA}, content=content)


def as_texts(tables: Tables) -> Tables:
    """The same rows, each value as a text: a column of a batch is of one type."""
    return {
        table: [{column: None if value is None else str(value) for column, value in row.items()} for row in rows]
        for table, rows in tables.items()
    }


def an_order(number: int) -> Tables:
    """Rows that refer to one another, by symbols that every group has, and to no later table."""
    return {
        "order": [{"id": "order-1", "customer_id": "customer-1", "total": number}],
        "customer": [
            {"id": "customer-1", "name": "A", "referrer": "customer-2"},
            {"id": "customer-2", "name": "B", "referrer": None},
        ],
        "product": [{"id": "product-1", "sku": "X", "maker": "customer-2"}],
        "line": [{"order_id": "order-1", "number": 7, "product": "product-1"}],
        "parcel": [{"code": f"parcel-{number}", "order_id": "order-1", "number": 7}],
    }


async def test_a_stream_makes_keys_group_by_group(target: httpx2.AsyncClient, sql: Sql) -> None:
    """Symbols mean a row of their group; the rows are counted, told to the ledger, and taken back without a trace."""
    before = await digest(target)

    answer = await load(target, "r", *map(an_order, range(3)))

    assert answer.status_code == 201, answer.text
    counts = {"order": 3, "customer": 6, "product": 3, "line": 3, "parcel": 3}
    assert (answer.json()["row_counts"], answer.json()["keys"]) == (counts, {})
    assert nonzero((await target.get("/internal/runs/r")).json()["row_counts"]) == counts
    joined = """
        SELECT total, a.id, b.name, sku, code FROM "order" JOIN customer AS a ON a.id = customer_id
        JOIN customer AS b ON b.id = a.referrer JOIN line ON order_id = "order".id JOIN product ON product.id = product
        JOIN parcel ON parcel.order_id = "order".id WHERE product.maker = b.id ORDER BY total
    """
    assert sql.execute(joined).fetchall() == [(n, 3 + 2 * n, "B", "X", f"parcel-{n}") for n in range(3)]
    repeated = await load(target, "r", *map(an_order, range(3)))
    assert (repeated.status_code, repeated.json()) == (200, answer.json())

    deletion = await delete(target, "r")

    assert (nonzero(deletion["deleted_counts"]), deletion["residue"]) == (counts, [])
    assert await digest(target) == before
    assert sql.execute("SELECT count(*) FROM atdm_run_row").fetchone() == (0,)


async def test_a_circle_comes_as_a_stream(target: httpx2.AsyncClient, sql: Sql) -> None:
    """Rows that refer to one another in a circle are written group by group, as a seed writes them."""
    before = await digest(target)
    second = CIRCLE | {"parcel": [{"code": "parcel-2", "order_id": "order-1", "number": 7}]}

    answer = await load(target, "r", as_texts(CIRCLE), as_texts(second), an_order(3))

    assert answer.status_code == 201, answer.text
    counts = {"customer": 6, "order": 3, "product": 3, "line": 3, "parcel": 3, "shelf": 2}
    assert answer.json()["row_counts"] == counts
    loops = "SELECT count(*) FROM customer AS c JOIN shelf ON shelf.id = favourite JOIN product AS p ON p.id = product"
    assert sql.execute(f"{loops} WHERE maker = c.id AND c.id > 2".encode()).fetchone() == (2,)
    assert nonzero((await delete(target, "r"))["deleted_counts"]) == counts
    assert await digest(target) == before


async def test_a_stream_with_keys_of_its_own(target: httpx2.AsyncClient, sql: Sql) -> None:
    """Numbers and UUIDs stand for themselves, rows may refer to those that are there, and need not bring a key."""
    uuid = "01890a5d-ac96-774b-bcce-b302099a8057"
    before = await digest(target)
    tables: Tables = {
        "order": [{"id": 700, "customer_id": 1, "total": 1}],
        "product": [{"id": uuid, "sku": "X", "maker": 2}, {"id": "mine", "sku": "Y", "maker": 1}],
        "customer": [{"name": "nameless"}, {"name": "another"}],
    }

    texts: Tables = {
        "order": [{"id": " +701", "customer_id": "2", "total": 2}, {"id": "o", "customer_id": "1", "total": 3}]
    }
    answer = await load(target, "r", tables, texts)

    assert answer.status_code == 201, answer.text
    assert sql.execute('SELECT id, customer_id FROM "order" WHERE id > 1 ORDER BY id').fetchall() == [
        (2, 1),
        (700, 1),
        (701, 2),
    ]
    keys = (await delete(target, "r"))["deleted_keys"]
    assert sorted(key["id"] for key in keys["customer"]) == [3, 4]
    assert {"id": uuid} in keys["product"]
    assert await digest(target) == before


@pytest.mark.parametrize(
    ("groups", "code", "words"),
    [
        ([{"order": [{"id": "o", "customer_id": "c", "total": 1}]}], "INVALID_VALUE", "'c', which is no row of"),
        (
            [an_order(1), {"line": [{"order_id": "order-1", "number": 9, "product": "product-1"}]}],
            "INVALID_VALUE",
            "no row of 'order' in its group",
        ),
        ([an_order(1), {"note": [{"text": "x"}]}], "UNKNOWN_TABLE", "neither a column 'test_run_id' nor a primary key"),
        ([{"line": [{"number": 1, "product": "p"}]}], "INVALID_VALUE", "'p', which is no row"),
        ([{"parcel": [{"order_id": 1, "number": 1}]}], "CONSTRAINT_VIOLATED", "comes without 'code'"),
        ([an_order(1), an_order(1)], "DUPLICATE_KEY", "parcel"),
        ([{"customer": [{"id": "c", "name": "A", "test_run_id": "r"}]}], "UNKNOWN_COLUMN", "no column 'test_run_id'"),
        ([{"shelf": [{"id": "s", "product": "01890a5d-ac96-774b-bcce-b302099a8057"}]}], "CONSTRAINT_VIOLATED", "shelf"),
    ],
)
async def test_a_stream_that_cannot_be_written_leaves_nothing(
    target: httpx2.AsyncClient, groups: list[Tables], code: str, words: str
) -> None:
    """A refusal says what is wrong, and neither rows nor the run are there."""
    before = await digest(target)

    answer = await load(target, "r", *groups)

    assert answer.json()["error"]["code"] == code, answer.text
    assert words in answer.json()["error"]["message"]
    assert await digest(target) == before
    assert (await target.get("/internal/runs/r")).status_code == 404


async def test_a_row_of_a_stream_that_a_trigger_swallows(target: httpx2.AsyncClient, sql: Sql) -> None:
    """The ledger is told of the rows that were sent, and those that are not there are missed."""
    sql.execute(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
        "CREATE TRIGGER swallow BEFORE INSERT ON parcel FOR EACH ROW EXECUTE FUNCTION swallow()"
    )
    answer = await load(target, "r", an_order(1))
    assert answer.json()["error"]["message"].startswith("'parcel' took 0 of 1 rows")
    assert sql.execute("SELECT count(*) FROM atdm_run_row").fetchone() == (0,)


def test_a_group_is_bounded() -> None:
    """A stream that does not tell its groups is refused before all of it is held."""
    schema = read_schema([Migration(1, "0001_dump.sql", DUMP.encode())])
    batch = pa.record_batch({"id": pa.nulls(600_000, pa.string())})
    with pytest.raises(InvalidRequest, match="number the groups"):
        list(read_groups([(0, "customer", batch), (0, "customer", batch)], schema))
    assert [len(parts) for parts in read_groups([(0, "customer", batch), (1, "customer", batch)], schema)] == [1, 1]

"""Members in the database: write one, remove a run's, read one with all that belongs to it."""

from datetime import date
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from psycopg.rows import dict_row

from target_healthcare.database import Connection, Pool
from target_healthcare.errors import RowNotFound
from target_healthcare.ledger import Ledger, RunId
from target_healthcare.queries import read_queries
from target_healthcare.removals import delete_rows
from target_healthcare.sqlstates import REFERENCED, still_referenced
from target_healthcare.statements import insert_rows

_QUERIES: Final = read_queries(Path(__file__).with_name("queries.sql"))

Row: TypeAlias = dict[str, object]


class Address(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a member lives; the state is ZZ and places carry FAKE_, or the database refuses them."""

    line1: str
    city: str
    state: str
    zip: str


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member as callers send it."""

    member_id: str
    status: str
    first_name: str
    last_name: str
    date_of_birth: date
    address: Address
    plan_id: str
    test_run_id: RunId


class MemberRecord(msgspec.Struct, frozen=True):
    """A member with all that belongs to it, as the page shows it."""

    member: Row
    plan: Row
    eligibilities: list[Row]
    claims: list[Row]


async def create_member(ledger: Ledger, member: Member) -> None:
    """Insert one member; `psycopg.Error` when its key is taken, its plan is missing or a CHECK refuses it."""
    fields = msgspec.structs.asdict(member)
    address: Address = fields.pop("address")
    row: Row = fields | {f"address_{name}": value for name, value in msgspec.structs.asdict(address).items()}
    async with ledger.write() as connection:
        await connection.execute(insert_rows("member", tuple(row)), [msgspec.json.encode([row]).decode(), 1])


async def delete_members(ledger: Ledger, run_id: str) -> int:
    """Delete the members of a run and return their number; raises `RowsReferenced`."""
    try:
        async with ledger.write() as connection:
            deleted = await connection.execute(delete_rows([ledger.schema.by_name["member"]]), [run_id])
    except REFERENCED as error:
        raise still_referenced(error, run_id) from error
    ((_, count, _),) = await deleted.fetchall()
    return count


async def list_claims(pool: Pool, member_id: str) -> list[Row]:
    """The claims of a member, oldest first; raises `RowNotFound` when there is no such member."""
    async with pool.connection() as connection:
        await _find_member(connection, member_id)
        return await _read(connection, "list_claims", member_id)


async def read_member(pool: Pool, member_id: str) -> MemberRecord:
    """Read what the page of a member shows; raises `RowNotFound`."""
    async with pool.connection() as connection:
        member = await _find_member(connection, member_id)
        (plan,) = await _read(connection, "find_plan", member_id)
        eligibilities = await _read(connection, "list_eligibilities", member_id)
        claims = await _read(connection, "list_claims_for_people", member_id)
    return MemberRecord(member, plan, eligibilities, claims)


async def _find_member(connection: Connection, member_id: str) -> Row:
    found = await _read(connection, "find_member", member_id)
    if not found:
        raise RowNotFound(f"there is no member '{member_id}'", table="member", key=member_id)
    return found[0]


async def _read(connection: Connection, query: str, member_id: str) -> list[Row]:
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(_QUERIES[query], [member_id])).fetchall()

"""Members under `/internal/`, their claims in public, and the page of a member."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.response import Template
from litestar.types import ControllerRouterHandler

from target_healthcare.healthcare.members import (
    Member,
    Row,
    create_member,
    delete_members,
    list_claims,
    read_member,
)
from target_healthcare.ledger import RUN_ID_FORM, Ledger

TABLES: Final = frozenset({"plan", "provider", "member", "eligibility", "claim", "procedure_code", "diagnosis_code"})
"""The tables these routes read and write; a schema without them does not get the routes."""
TEMPLATES: Final = Path(__file__).parent / "templates"

_PAGE_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'none'; style-src 'self'; img-src data:",
    "x-content-type-options": "nosniff",
}


class DeletedMembers(msgspec.Struct, frozen=True):
    """How many members of the run were deleted."""

    run_id: str
    deleted: int


class MemberClaims(msgspec.Struct, frozen=True):
    """The claims of one member, oldest first."""

    member_id: str
    claims: list[Row]


@post("/members")
async def add_member(data: JSONBody[Member], ledger: NamedDependency[Ledger]) -> Member:
    """Insert one member: 201; 409 when the key is taken, 422 when a CHECK or a foreign key refuses it."""
    await create_member(ledger, data)
    return data


@delete("/members", status_code=200)
async def remove_members(
    run_id: Annotated[str, QueryParameter(pattern=RUN_ID_FORM)], ledger: NamedDependency[Ledger]
) -> DeletedMembers:
    """Delete the members of a run, and only those; the run stays in the ledger as it is."""
    return DeletedMembers(run_id, await delete_members(ledger, run_id))


@get("/members/{member_id:str}/claims", tags=["rows"])
async def claims_of_member(member_id: FromPath[str], ledger: NamedDependency[Ledger]) -> MemberClaims:
    """The claims of a member, oldest first."""
    return MemberClaims(member_id, await list_claims(ledger.pool, member_id))


@get("/ui/members/{member_id:str}", include_in_schema=False)
async def member_page(member_id: FromPath[str], ledger: NamedDependency[Ledger]) -> Template:
    """The page of a member: plan, eligibility and claims; no script, nothing from elsewhere."""
    record = await read_member(ledger.pool, member_id)
    return Template("member.html", context=msgspec.structs.asdict(record), headers=_PAGE_HEADERS)


internal_routes: list[ControllerRouterHandler] = [add_member, remove_members]
public_routes: list[ControllerRouterHandler] = [claims_of_member, member_page]

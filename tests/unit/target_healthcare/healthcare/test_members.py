import httpx2
import pytest

from tests.unit.target_healthcare.bundles import Row, denied_claim, seed_body
from tests.unit.target_healthcare.test_responses import assert_error


def member(**changes: object) -> Row:
    """A member as the guide posts it, on the plan of run `r`."""
    return {
        "member_id": "m-dev",
        "status": "active",
        "first_name": "FAKE_Alice",
        "last_name": "FAKE_Smith",
        "date_of_birth": "1990-04-12",
        "address": {"line1": "1 FAKE_Way", "city": "FAKE_Town", "state": "ZZ", "zip": "00000"},
        "plan_id": "plan-r",
        "test_run_id": "dev-run",
    } | changes


@pytest.fixture
async def api(client: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """The target with run `r` in it."""
    await client.put("/internal/runs/r", json=seed_body("r"))
    return client


async def test_a_member_is_created_and_deleted_by_run(api: httpx2.AsyncClient) -> None:
    """A posted member is there at once and goes with its run, alone."""
    created = await api.post("/internal/members", json=member())
    found = await api.get("/members/m-dev")
    deleted = await api.delete("/internal/members", params={"run_id": "dev-run"})

    assert (created.status_code, created.json()) == (201, member())
    assert found.json()["address_line1"] == "1 FAKE_Way"
    assert (deleted.status_code, deleted.json()) == (200, {"run_id": "dev-run", "deleted": 1})
    assert (await api.get("/members/m-dev")).status_code == 404
    assert (await api.get("/members/m-r")).status_code == 200


async def test_a_taken_key_is_a_duplicate(api: httpx2.AsyncClient) -> None:
    """The second member with the id is refused."""
    await api.post("/internal/members", json=member())

    assert_error(await api.post("/internal/members", json=member()), 409, "DUPLICATE_KEY")


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"first_name": "Alice"}, "member_first_name_fake"),
        ({"last_name": "FAKEXSmith"}, "member_last_name_fake"),
        ({"status": "asleep"}, "member_status_known"),
        ({"plan_id": "none"}, "member_plan_exists"),
        ({"address": {"line1": "1 Main St", "city": "FAKE_T", "state": "ZZ", "zip": "0"}}, "member_address_line1_fake"),
        ({"address": {"line1": "FAKE_1", "city": "Boston", "state": "ZZ", "zip": "0"}}, "member_address_city_fake"),
        ({"address": {"line1": "FAKE_1", "city": "FAKE_T", "state": "MA", "zip": "0"}}, "member_address_state_fake"),
    ],
)
async def test_real_looking_members_are_refused(
    api: httpx2.AsyncClient, changes: dict[str, object], constraint: str
) -> None:
    """CHECKs and foreign keys refuse with their names."""
    details = assert_error(await api.post("/internal/members", json=member(**changes)), 422, "CONSTRAINT_VIOLATED")

    assert details["constraint"] == constraint


@pytest.mark.parametrize(
    "changes", [{"address": None}, {"nickname": "Al"}, {"date_of_birth": "soon"}, {"test_run_id": ".x"}, {"status": 1}]
)
async def test_a_body_of_another_shape_is_refused(api: httpx2.AsyncClient, changes: dict[str, object]) -> None:
    """Unknown fields and wrong types are an invalid request that names the field."""
    response = await api.post("/internal/members", json=member(**changes))

    assert_error(response, 400, "INVALID_REQUEST")
    assert next(iter(changes)) in response.json()["error"]["message"]


async def test_members_with_claims_stay(api: httpx2.AsyncClient) -> None:
    """Members that claims point at cannot be deleted alone."""
    assert_error(await api.delete("/internal/members", params={"run_id": "r"}), 409, "ROWS_REFERENCED")


async def test_the_claims_of_a_member(api: httpx2.AsyncClient) -> None:
    """Claims are listed under their member; an unknown member is 404, one without claims has none."""
    await api.post("/internal/members", json=member())

    listed = await api.get("/members/m-r/claims")
    assert listed.json() == {"member_id": "m-r", "claims": denied_claim("r")["claim"]}
    assert (await api.get("/members/m-dev/claims")).json() == {"member_id": "m-dev", "claims": []}
    assert_error(await api.get("/members/none/claims"), 404, "NOT_FOUND")


async def test_the_page_shows_member_plan_eligibility_and_claims(api: httpx2.AsyncClient) -> None:
    """A browser test finds every value by its data-testid, and nothing is loaded from elsewhere."""
    page = await api.get("/ui/members/m-r")

    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'none'" in page.headers["content-security-policy"]
    assert "<script" not in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    for test_id, text in {
        "member-name": "FAKE_Alice FAKE_Smith",
        "member-status": "active",
        "plan-name": "FAKE_Plan",
        "eligibility-status": "active",
        "claim-status": "denied",
        "claim-denial-reason": "invalid procedure code",
        "claim-procedure": "00000 Not a procedure code",
    }.items():
        assert f'data-testid="{test_id}">{text}<' in page.text


async def test_the_page_of_a_member_without_anything(api: httpx2.AsyncClient) -> None:
    """Empty sections say so."""
    await api.post("/internal/members", json=member())

    page = await api.get("/ui/members/m-dev")

    assert "no-eligibility" in page.text
    assert "no-claims" in page.text


async def test_the_page_escapes_what_it_shows(api: httpx2.AsyncClient) -> None:
    """Markup in the data stays text."""
    await api.post("/internal/members", json=member(last_name="FAKE_<img src=x onerror=alert(1)>"))

    page = await api.get("/ui/members/m-dev")

    assert "<img" not in page.text
    assert "FAKE_&lt;img" in page.text

"""The pages of an application in this process, whose target is away: runs here are dry, rejected or rolled back."""

import re
from hashlib import sha256
from typing import Any

import httpx2
import pytest

from tests.html_page import Element, read_page
from tests.unit.atdm_server.conftest import API_TOKEN, SERVER_KEY, TARGET_TOKEN

SCRIPT = "agent:<script>alert('x')</script>"


async def ask(client: httpx2.AsyncClient, *, dry: bool = True, **request: Any) -> dict[str, Any]:
    """The answer to a request, an error's content included."""
    body = {"scenario": "active_member_clean", "delivery": {"seed_target": not dry}, **request}
    answer = await client.post("/test-data/requests", json=body, headers={"x-atdm-invoker": SCRIPT})
    return answer.json()


async def open_page(client: httpx2.AsyncClient, path: str, status: int = 200) -> Element:
    """A page, after a look at what every page must keep."""
    response = await client.get(path, headers={"authorization": ""})
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    assert len(response.content) <= 100_000
    page = read_page(response.text)
    assert [each.attributes["lang"] for each in page.all("html")] == ["en"]
    assert list(page.all("script", "style", "iframe", "img")) == []
    assert not any(name.startswith("on") or name == "style" for each in page.all() for name in each.attributes)
    assert re.findall(r"https?://", " ".join(v for e in page.all() for v in e.attributes.values())) == []
    assert len(list(page.all("h1"))) == len(list(page.all("main"))) == 1
    assert all(list(table.all("caption")) for table in page.all("table"))
    assert all(cell.attributes.get("scope") in ("row", "col") for cell in page.all("th"))
    assert [each.text for each in page.one("nav").all("a")] == ["Runs", "Scenarios", "API"]
    return page


async def test_bare_address(client: httpx2.AsyncClient) -> None:
    """The bare address leads to the runs."""
    response = await client.get("/")
    assert (response.status_code, response.headers["location"]) == (302, "/ui/runs")


async def test_style_sheets(client: httpx2.AsyncClient) -> None:
    """The style sheets of every page come from this server."""
    page = await open_page(client, "/ui/runs")
    sheets = [each.attributes["href"] for each in page.all("link") if each.attributes["rel"] == "stylesheet"]
    assert len(sheets) == 2
    for sheet in sheets:
        response = await client.get(sheet)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/css")
        assert "@import" not in response.text


@pytest.mark.parametrize(
    "run", ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "strategy-reset_all-x", ".hidden", "a b", "x" * 200, "%3Cb%3E"]
)
async def test_unknown_run(client: httpx2.AsyncClient, run: str) -> None:
    """An id that no run has, and a text that can be no id, is an HTML page with status 404 that leads on."""
    page = await open_page(client, f"/ui/audit/{run}", 404)
    assert page.one("h1").text == "Not Found"
    assert page.link("All runs") == "/ui/runs"


async def test_dry_run(client: httpx2.AsyncClient) -> None:
    """A run that only planned shows its plan and decisions, and that nothing was written."""
    answer = await ask(client, constraints={"provider_network": "out_of_network"})
    page = await open_page(client, f"/ui/audit/{answer['test_run_id']}")
    assert page.one("h1").badges == ["ready", "not reset"]
    assert ["provider_network", "out_of_network", "the request"] in page.table("Constraints, resolved")
    assert ["member_status", "active", "default"] in page.table("Constraints, resolved")
    assert "Nothing was written" in page.section("Records created").text
    assert SCRIPT in page.text
    assert page.link("JSON") == f"/audit/runs/{answer['test_run_id']}"


async def test_draws_are_counted(client: httpx2.AsyncClient) -> None:
    """Of a seed that is a list of draws the page says how long it is; the trail has them all."""
    answer = await ask(client, seed=[0] * 16)
    page = await open_page(client, f"/ui/audit/{answer['test_run_id']}")
    assert "16 draws" in [each.text for each in page.all("code")]


async def test_rejected_run(client: httpx2.AsyncClient) -> None:
    """A rejected run shows which validator said no, and the row that breaks its rule."""
    error = (await ask(client, constraints={"member_status": "inactive", "eligibility_status": "active"}))["error"]
    page = await open_page(client, f"/ui/audit/{error['test_run_id']}")
    assert page.one("h1").badges == ["rejected"]
    assert page.section("Validators").badges == ["rejected", "passed", "passed", "passed"]
    assert page.table("The row that breaks it") == [["eligibility.status", "member.status"], ["active", "inactive"]]


async def test_rolled_back_run(client: httpx2.AsyncClient) -> None:
    """A run whose target was away is shown as rolled back, with the error open to read."""
    error = (await ask(client, dry=False))["error"]
    page = await open_page(client, f"/ui/audit/{error['test_run_id']}")
    assert page.one("h1").badges == ["rolled back", "rolled back"]
    assert "TARGET_UNREACHABLE" in next(each.text for each in page.all("details") if "open" in each.attributes)


async def test_no_secret_stands_on_a_page(client: httpx2.AsyncClient) -> None:
    """No page holds a token or the hash of one, not even those of the run it shows."""
    answer = await ask(client)
    token: str = answer["cleanup"]["cleanup_token"]
    secrets = [token, API_TOKEN, TARGET_TOKEN, SERVER_KEY.decode()]
    for path in (f"/ui/audit/{answer['test_run_id']}", "/ui/runs", "/ui/scenarios"):
        text = (await client.get(path)).text
        assert [each for each in secrets if each in text or sha256(each.encode()).hexdigest() in text] == []


async def test_runs_when_there_are_none(client: httpx2.AsyncClient) -> None:
    """The empty page says what to do, and under a filter how to lift it."""
    page = await open_page(client, "/ui/runs")
    assert page.link("scenarios") == "/ui/scenarios"
    assert page.copies == ["make demo"]
    page = await open_page(client, "/ui/runs?status=ready")
    assert page.link("Show all runs") == "/ui/runs"


async def test_runs_are_filtered(client: httpx2.AsyncClient) -> None:
    """The form filters by scenario, status and day, newest first, and keeps what was chosen; blanks filter nothing."""
    first = (await ask(client))["test_run_id"]
    second = (await ask(client, scenario="expired_eligibility"))["test_run_id"]
    third = (await ask(client, constraints={"member_status": "inactive"}))["error"]["test_run_id"]

    async def listed(query: str) -> list[str]:
        page = await open_page(client, f"/ui/runs?{query}")
        return [each.text for each in page.all("a") if each.attributes["href"].startswith("/ui/audit/")]

    assert await listed("scenario=&status=&since=") == [third, second, first]
    assert await listed("scenario=active_member_clean") == [third, first]
    assert await listed("scenario=active_member_clean&status=ready&since=2020-01-01") == [first]
    assert await listed("since=2999-01-01") == []
    assert await listed("scenario=%3Cscript%3E") == []
    page = await open_page(client, "/ui/runs?scenario=active_member_clean&status=rejected&since=2020-01-01")
    assert [each.text for each in page.all("option") if "selected" in each.attributes] == [
        "active_member_clean",
        "rejected",
    ]
    assert next(page.all("input")).attributes["value"] == "2020-01-01"
    assert page.table("1 run, newest first")[1][1:3] == ["active_member_clean", "rejected"]


@pytest.mark.parametrize("query", ["status=gone", "since=yesterday", "since=2020-13-01"])
async def test_filter_that_no_form_sends(client: httpx2.AsyncClient, query: str) -> None:
    """A filter that makes no sense is an HTML page with status 400 that says what would."""
    page = await open_page(client, f"/ui/runs?{query}", 400)
    assert page.one("h1").text == "Bad Request"


async def test_scenarios(client: httpx2.AsyncClient) -> None:
    """Each scenario has its description and three requests to copy, each constraint its values and its default."""
    page = await open_page(client, "/ui/scenarios")
    catalog = (await client.get("/catalog/scenarios")).json()
    for scenario in catalog["scenarios"]:
        card = page.section(scenario["scenario_id"])
        assert scenario["description"] in card.text
        assert ", ".join(scenario["linked_requirement_ids"]) in card.text
        assert len(card.copies) == 3
    rows = page.table("Constraints of healthcare")
    assert [row[0] for row in rows[1:]] == list(catalog["constraints"]["healthcare"])
    assert "export ATDM_API_URL=http://atdm" in page.copies[0]

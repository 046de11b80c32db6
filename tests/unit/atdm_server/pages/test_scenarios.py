import msgspec
import pytest

from atdm_core import Constraint, Registry
from atdm_core.errors import InvalidRequest
from atdm_healthcare import PACK
from atdm_server.pages import page_templates
from atdm_server.pages.scenarios import ScenariosPage, scenarios_page
from tests.html_page import Element, read_page

ONE = {"healthcare": PACK}
TWO = {**ONE, "clinic": msgspec.structs.replace(PACK, name="clinic")}


def html_of(page: ScenariosPage) -> str:
    """The page, as HTML."""
    return page_templates.engine_instance.get_template("scenarios.html").render(page=page)


def page_of(page: ScenariosPage) -> Element:
    """The page, read."""
    return read_page(html_of(page))


def test_domain_is_named_where_it_must_be() -> None:
    """A request names its domain only where several domains have a scenario of that name."""
    alone = scenarios_page(Registry(ONE), "http://atdm")
    among = scenarios_page(Registry(TWO), "http://atdm")
    assert "--domain" not in alone.domains[0].scenarios[0].request.command
    assert [domain.scenarios[0].request.command.split()[4:6] for domain in among.domains] == [
        ["--domain", "clinic"],
        ["--domain", "healthcare"],
    ]
    anchors = [each.attributes["id"] for each in page_of(among).all() if "id" in each.attributes]
    assert len(anchors) == len(set(anchors))


def test_broken_packs() -> None:
    """A pack that cannot be used is listed with the reason, as text."""
    page = page_of(ScenariosPage("http://atdm", [], [("shop", "cannot be loaded: <b>")]))
    assert page.section("Packs that cannot be used").table("Reinstall or mend them, then restart the server")[1:] == [
        ["shop", "cannot be loaded: <b>"]
    ]


def test_many_scenarios_take_several_pages() -> None:
    """Two hundred scenarios stand on pages under 100 KB, each once, with their constraints; links lead through them."""
    first = PACK.scenarios["claim_denial_active_member"]
    names = [f"scenario_{number:03}" for number in range(200)]
    scenarios = {name: msgspec.structs.replace(first, scenario_id=name) for name in names}
    wide = Constraint(name="wide", description="x" * 200, allowed=tuple(map(str, range(1000))), default="1")
    pack = msgspec.structs.replace(PACK, scenarios=scenarios, constraints={**PACK.constraints, "wide": wide})
    registry = Registry({"healthcare": pack, "clinic": msgspec.structs.replace(pack, name="clinic")})
    pages = [page_of(scenarios_page(registry, "http://atdm"))]
    while following := [each for each in pages[-1].all("a") if each.attributes.get("rel") == "next"]:
        _, _, number = following[0].attributes["href"].partition("?page=")
        html = html_of(scenarios_page(registry, "http://atdm", number))
        assert len(html.encode()) <= 100_000
        pages.append(read_page(html))
    assert [each.text for page in pages for each in page.all("h3")] == names * 2
    constraints = [each.text for page in pages for table in page.all("table") for each in table.all("th")]
    assert constraints.count("wide") == 2
    assert (pages[1].link("Previous page"), pages[1].link("next page")) == (
        "/ui/scenarios?page=1",
        "/ui/scenarios?page=3",
    )
    assert any("and 960 more" in page.text for page in pages)


@pytest.mark.parametrize("page", ["0", "2", "-1", "01", "x", ""])
def test_a_page_that_does_not_exist(page: str) -> None:
    """A number that no page has is refused with the last one that there is."""
    with pytest.raises(InvalidRequest, match="the last one is 1"):
        scenarios_page(Registry(ONE), "http://atdm", page)


def test_no_pack() -> None:
    """Without any pack the page says how to get one."""
    assert "pip install atdm-healthcare" in page_of(scenarios_page(Registry({}), "http://atdm")).text


def test_address_is_quoted_for_a_shell() -> None:
    """The address comes from the request's headers, and cannot smuggle a command into the line to copy."""
    assert scenarios_page(Registry({}), "http://a;b/").api_url == "'http://a;b'"

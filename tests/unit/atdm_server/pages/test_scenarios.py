import msgspec

from atdm_core import Registry
from atdm_healthcare import PACK
from atdm_server.pages import page_templates
from atdm_server.pages.scenarios import ScenariosPage, scenarios_page
from tests.html_page import Element, read_page

ONE = {"healthcare": PACK}
TWO = {**ONE, "clinic": msgspec.structs.replace(PACK, name="clinic")}


def page_of(page: ScenariosPage) -> Element:
    """The page, read."""
    return read_page(page_templates.engine_instance.get_template("scenarios.html").render(page=page))


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


def test_no_pack() -> None:
    """Without any pack the page says how to get one."""
    assert "pip install atdm-healthcare" in page_of(scenarios_page(Registry({}), "http://atdm")).text


def test_address_is_quoted_for_a_shell() -> None:
    """The address comes from the request's headers, and cannot smuggle a command into the line to copy."""
    assert scenarios_page(Registry({}), "http://a;b/").api_url == "'http://a;b'"

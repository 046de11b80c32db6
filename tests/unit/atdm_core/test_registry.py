"""The registry, over distributions that really are installed on the path."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atdm_core import Registry, Request, Services
from atdm_core.audit import utc_now
from atdm_core.errors import DomainNotFound, InvalidRequest, PackInvalid, PackNotFound, ScenarioNotFound
from atdm_core.planner import LlmPlanner, RulePlanner
from atdm_core.reset import ResetRun
from atdm_core.testing import MemoryBaselines, MemoryCatalog, MemoryLog, MemoryTarget
from tests.unit.atdm_core.shop import SHOP, make_pack

Install = Callable[..., None]

GOOD = """
from atdm_core import Pack
PACK = Pack.of({name!r}, version="1", description="", entities=(), constraints=(), generators=(), validators=(),
               scenarios=())
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a distribution with one module and one entry point onto the path."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, source: str, *, group: str = "atdm.packs", dist: str | None = None) -> None:
        dist = dist or f"the-{name}-pack"
        module = f"made_{dist.replace('-', '_')}"
        (tmp_path / f"{module}.py").write_text(source)
        monkeypatch.delitem(sys.modules, module, raising=False)
        info = tmp_path / f"{dist.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {dist}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {module}:PACK\n")

    return put


def test_names_are_listed_without_an_import(install: Install) -> None:
    """Listing names imports nothing, not even a pack that ends the process when it is imported."""
    install("bomb", "raise SystemExit('imported')")
    assert {"bomb", "healthcare"} <= set(Registry().pack_names())


def test_installed_pack_is_found(install: Install) -> None:
    """A pack that is installed is found by its name, and loaded once."""
    install("toys", GOOD.format(name="toys"))
    registry = Registry()
    assert registry.pack("toys").name == "toys"
    assert registry.pack("toys") is registry.pack("toys")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("import no_such_module", "'toys' of the-toys-pack cannot be loaded: ModuleNotFoundError"),
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("OTHER = 1", "cannot be loaded: AttributeError"),
        ("PACK = 5", "the entry point 'toys' of the-toys-pack is not a pack of that name"),
        (GOOD.format(name="games"), "the entry point 'toys' of the-toys-pack is not a pack of that name"),
    ],
)
def test_broken_pack_is_reported_and_others_work(install: Install, source: str, told: str) -> None:
    """A pack that cannot be used is reported with its distribution and the reason, each time; the others work."""
    install("toys", source)
    registry = Registry()
    for _ in range(2):
        with pytest.raises(PackInvalid) as refusal:
            registry.pack("toys")
        assert told in refusal.value.message
    usable, broken = registry.packs()
    assert "healthcare" in usable
    assert list(broken) == ["toys"]
    assert registry.pack_for(Request(scenario="active_member_clean")).name == "healthcare"


def test_two_packs_of_one_name_are_an_error(install: Install) -> None:
    """Two distributions that provide one name are refused, and the error names both."""
    install("toys", GOOD.format(name="toys"), dist="toys-one")
    install("toys", GOOD.format(name="toys"), dist="toys-two")
    with pytest.raises(PackInvalid) as refusal:
        Registry().pack_names()
    for told in ("toys-one", "toys-two", "both provide 'toys' in atdm.packs: uninstall one"):
        assert told in refusal.value.message


def test_unknown_pack_lists_what_is_installed() -> None:
    """Asking for a pack that is not installed lists those that are."""
    with pytest.raises(PackNotFound, match="no pack 'toys'; installed: healthcare"):
        Registry().pack("toys")
    with pytest.raises(PackNotFound, match="no pack 'toys'; installed: none"):
        Registry({}).pack("toys")


def test_request_names_its_domain() -> None:
    """A request that names a domain gets that pack, and an unknown one lists what is installed."""
    registry = Registry({"shop": SHOP})
    assert registry.pack_for(Request(scenario="whatever", domain="shop")) is SHOP
    with pytest.raises(DomainNotFound) as refusal:
        registry.pack_for(Request(scenario="one_order", domain="toys"))
    assert refusal.value.message == "no domain 'toys'; installed: shop"
    assert refusal.value.details == {"domain": "toys", "known": ["shop"]}


def test_request_without_a_domain_means_the_only_owner() -> None:
    """A request that names no domain gets the only pack with its scenario; several or none is an error."""
    other = make_pack(scenarios=(SHOP.scenario("two_orders"),))
    registry = Registry({"one": SHOP, "two": other})
    assert registry.pack_for(Request(scenario="one_order")) is SHOP
    with pytest.raises(InvalidRequest, match="several domains have a scenario 'two_orders': name one of"):
        registry.pack_for(Request(scenario="two_orders"))
    with pytest.raises(ScenarioNotFound, match="no scenario 'nine'; there are: one_order, two_orders, two_orders"):
        registry.pack_for(Request(scenario="nine"))
    with pytest.raises(ScenarioNotFound, match="there are: none"):
        Registry({}).pack_for(Request(scenario="nine"))


def test_planners_and_strategies_are_found_by_name() -> None:
    """The planners and strategies of this distribution are made by name; an unknown one lists what is installed."""
    registry = Registry()
    log = MemoryLog()
    target = MemoryTarget()
    services = Services(
        target=target,
        database=target,
        log=log,
        catalog=MemoryCatalog(log),
        baselines=MemoryBaselines(),
        clock=utc_now,
    )
    assert isinstance(registry.planner("rule"), RulePlanner)
    assert isinstance(registry.planner("llm"), LlmPlanner)
    assert isinstance(registry.strategy("reset_run", services), ResetRun)
    with pytest.raises(PackNotFound, match="no 'magic' among the planners; installed: llm, rule"):
        registry.planner("magic")
    with pytest.raises(PackNotFound, match=r"no 'magic' among the strategies; installed: .*reset_run"):
        registry.strategy("magic", services)


def test_broken_planner_is_named(install: Install) -> None:
    """A planner that cannot be loaded is named with its distribution."""
    install("odd", "1 / 0", group="atdm.planners", dist="odd-planner")
    with pytest.raises(PackInvalid, match="'odd' of odd-planner cannot be loaded: ZeroDivisionError"):
        Registry().planner("odd")

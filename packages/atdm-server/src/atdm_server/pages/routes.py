"""The routes of the pages. A handler asks the engine, has a page prepared, and shows it."""

import asyncio

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Template
from litestar.types import ControllerRouterHandler

from atdm_core import AtdmError, Engine
from atdm_core.errors import InvalidRequest
from atdm_server.pages.audit import audit_page
from atdm_server.pages.refusal import refuse, refuse_id
from atdm_server.pages.runs import STRATEGIES, Filter, runs_page
from atdm_server.pages.scenarios import scenarios_page
from atdm_server.pages.sheet import sheet
from atdm_server.responses import AnyRequest

__all__ = ["page_routes"]


@get("/", include_in_schema=False)
async def go_to_runs() -> Redirect:
    """People who open the bare address want to see something."""
    return Redirect("/ui/runs")


@get("/audit/{run_id:str}", exception_handlers={InvalidRequest: refuse_id})
async def show_audit(run_id: FromPath[str], engine: NamedDependency[Engine]) -> Template:
    """The audit trail of a run or of a strategy."""
    return sheet("audit.html", audit_page(await engine.trail(run_id)))


@get("/runs")
async def show_runs(
    engine: NamedDependency[Engine],
    scenario: FromQuery[str] = "",
    status: FromQuery[str] = "",
    since: FromQuery[str] = "",
) -> Template:
    """The runs that match, newest first, and the newest strategies on the whole target."""
    chosen = Filter(scenario, status, since)
    rows, strategies = await asyncio.gather(engine.runs(chosen.query()), engine.strategies(STRATEGIES))
    return sheet("runs.html", runs_page(chosen, rows, strategies, engine.registry))


@get("/scenarios")
async def show_scenarios(engine: NamedDependency[Engine], request: AnyRequest, page: FromQuery[str] = "1") -> Template:
    """What can be asked for, and how; as many pages as that takes."""
    return sheet("scenarios.html", scenarios_page(engine.registry, str(request.base_url), page))


page_routes: list[ControllerRouterHandler] = [
    go_to_runs,
    Router(
        "/ui",
        route_handlers=[show_audit, show_runs, show_scenarios],
        exception_handlers={AtdmError: refuse},
        include_in_schema=False,
    ),
]

"""The application: settings in, Litestar out."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import structlog
from litestar import Litestar, Response, Router, static_files
from litestar.di import Provide
from litestar.exceptions import HTTPException, InternalServerException, NotFoundException
from litestar.types import ControllerRouterHandler

from atdm_core import AtdmError, Engine, Registry
from atdm_core.fixtures import FixtureFolder
from atdm_server.authorization import Guard, guard_reads, require_scope
from atdm_server.body_arrival import BodyArrival
from atdm_server.head import HeadAsGet
from atdm_server.http_database import HttpDatabase
from atdm_server.http_target import HttpTarget
from atdm_server.load_limit import LoadLimit
from atdm_server.metrics import MeasuredAuditLog, MeasuredCatalog, count_dropped, count_overdue, count_process
from atdm_server.pages import page_routes, page_templates
from atdm_server.request_log import RequestLog, configure_logging
from atdm_server.response_headers import SafeHeaders
from atdm_server.responses import ERROR_HANDLERS, AnyRequest, ErrorBody
from atdm_server.routes import (
    audit_routes,
    catalog_routes,
    database_reads,
    database_routes,
    docs_config,
    health_routes,
    openapi_json,
    read_metrics,
    request_routes,
    require_json,
    reset_routes,
    volume_reads,
    volume_routes,
)
from atdm_server.settings import Settings
from atdm_server.store import ObjectAuditLog, ObjectBaselines, ObjectCatalog, ObjectClaims, open_stores
from atdm_server.volume import make_shards

__all__ = ["create_app"]

BODY_LIMIT: Final = 256 * 1024  # bytes
_STATIC: Final = Path(__file__).parent / "static"

_log = structlog.stdlib.get_logger("atdm_server")


def create_app(settings: Settings | None = None) -> Litestar:
    """The server; without settings they come from the environment. Raises `AtdmError` when it cannot be built."""
    settings = settings or Settings.from_environment()
    configure_logging(settings.log_level)
    audit_store, catalog_store = open_stores(settings.store_url)
    log = ObjectAuditLog(audit_store, settings.signer)
    target = HttpTarget(settings.target_url, settings.target_token, settings.target_timeout)
    database = HttpDatabase(settings.target_url, settings.target_token)
    registry = Registry()
    engine = Engine(
        registry=registry,
        planner=registry.planner(settings.planner),
        target=target,
        database=database,
        log=MeasuredAuditLog(log),
        catalog=MeasuredCatalog(ObjectCatalog(catalog_store, log)),
        claims=ObjectClaims(catalog_store),
        baselines=ObjectBaselines(catalog_store),
        fixtures=FixtureFolder(settings.fixture_folder),
        server_key=settings.server_key,
        grace=settings.recovery_grace,
        report=_report,
    )
    volumes = engine.volumes(make_shards)

    @asynccontextmanager
    async def serving(_: Litestar) -> AsyncGenerator[None]:
        # What lives now lives for ever: keep the collector from walking it under load.
        registry.packs()
        count_process()
        gc.collect()
        gc.freeze()
        sweeping = asyncio.create_task(engine.keep_sweeping(settings.sweep_pace, count_overdue))
        yield
        sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await sweeping
        await volumes.close()
        count_dropped(await engine.close())
        await log.close()
        await target.close()
        await database.close()

    app = Litestar(
        route_handlers=[
            _changes([*request_routes, *volume_routes], require_scope(settings.tokens, "seed")),
            _changes(reset_routes, require_scope(settings.tokens, "reset")),
            _changes(database_routes, require_scope(settings.tokens, "admin")),
            Router("/test-data", route_handlers=[*database_reads, *volume_reads], tags=["test data"]),
            Router("/audit", route_handlers=audit_routes, tags=["audit"]),
            Router("/catalog", route_handlers=catalog_routes, tags=["catalog"]),
            Router("/", route_handlers=[*health_routes, openapi_json, read_metrics], tags=["server"]),
            *page_routes,
            static_files.create_static_files_router(
                "/static",
                directories=[_STATIC],
                include_in_schema=False,
                opt={"open_to_all": True},
                exception_handlers={InternalServerException: _no_such_file, ValueError: _no_such_file},
            ),
        ],
        dependencies={
            "engine": Provide(lambda: engine, sync_to_thread=False),
            "log": Provide(lambda: log, sync_to_thread=False),
            "volumes": Provide(lambda: volumes, sync_to_thread=False),
        },
        guards=[guard_reads(settings.tokens)] if settings.reads_need_token else [],
        exception_handlers={**ERROR_HANDLERS},
        lifespan=[serving],
        openapi_config=docs_config(),
        template_config=page_templates,
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
    )
    limited = LoadLimit(
        BodyArrival(app.asgi_handler, settings.request_timeout),
        at_once=settings.changes_at_once,
        waiting=settings.changes_waiting,
        deadline=settings.request_timeout,
    )
    app.asgi_handler = RequestLog(SafeHeaders(HeadAsGet(limited)))
    return app


def _changes(handlers: list[ControllerRouterHandler], guard: Guard) -> Router:
    return Router(
        "/test-data",
        route_handlers=handlers,
        guards=[guard, require_json],
        tags=["test data"],
        security=[{"token": []}],
    )


def _no_such_file(request: AnyRequest, _: Exception) -> Response[ErrorBody]:
    """The framework fails at paths that no file can have: one with a NUL, one below a file, one that is too long."""
    return ERROR_HANDLERS[HTTPException](request, NotFoundException())


def _report(run_id: str, error: Exception) -> None:
    if isinstance(error, AtdmError):
        _log.warning("run_not_settled", test_run_id=run_id or error.run_id, code=error.code, reason=error.message)
    else:
        _log.error("sweep_failed", test_run_id=run_id or None, exc_info=error)

"""The application: settings in, Litestar out."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import structlog
from litestar import Litestar, Router, static_files
from litestar.di import Provide

from atdm_core import AtdmError, Engine, Registry
from atdm_core.fixtures import FixtureFolder
from atdm_server.authorization import require_bearer
from atdm_server.head import HeadAsGet
from atdm_server.http_database import HttpDatabase
from atdm_server.http_target import HttpTarget
from atdm_server.metrics import MeasuredAuditLog, MeasuredCatalog, count_dropped, count_process
from atdm_server.pages import page_routes, page_templates
from atdm_server.request_log import RequestLog, configure_logging
from atdm_server.responses import ERROR_HANDLERS
from atdm_server.routes import (
    audit_routes,
    catalog_routes,
    database_reads,
    database_routes,
    docs_config,
    health_routes,
    openapi_json,
    read_metrics,
    require_json,
    test_data_routes,
)
from atdm_server.settings import Settings
from atdm_server.store import ObjectAuditLog, ObjectBaselines, ObjectCatalog, ObjectClaims, open_stores

__all__ = ["create_app"]

BODY_LIMIT: Final = 256 * 1024  # bytes
_STATIC: Final = Path(__file__).parent / "static"

_log = structlog.stdlib.get_logger("atdm_server")


def create_app(settings: Settings | None = None) -> Litestar:
    """The server; without settings they come from the environment. Raises `AtdmError` when it cannot be built."""
    settings = settings or Settings.from_environment()
    configure_logging(settings.log_level)
    audit_store, catalog_store = open_stores(settings.store_url)
    log = ObjectAuditLog(audit_store)
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
        report=_report_undo,
    )

    @asynccontextmanager
    async def serving(_: Litestar) -> AsyncGenerator[None]:
        # What lives now lives for ever: keep the collector from walking it under load.
        registry.packs()
        count_process()
        gc.collect()
        gc.freeze()
        yield
        count_dropped(await engine.close())
        await log.close()
        await target.close()
        await database.close()

    guarded = [require_bearer(settings.api_token), require_json]
    app = Litestar(
        route_handlers=[
            Router(
                "/test-data",
                route_handlers=[*test_data_routes, *database_routes],
                guards=guarded,
                tags=["test data"],
                security=[{"token": []}],
            ),
            Router("/test-data", route_handlers=database_reads, tags=["test data"]),
            Router("/audit", route_handlers=audit_routes, tags=["audit"]),
            Router("/catalog", route_handlers=catalog_routes, tags=["catalog"]),
            Router("/", route_handlers=[*health_routes, openapi_json, read_metrics], tags=["server"]),
            *page_routes,
            static_files.create_static_files_router("/static", directories=[_STATIC], include_in_schema=False),
        ],
        dependencies={
            "engine": Provide(lambda: engine, sync_to_thread=False),
            "log": Provide(lambda: log, sync_to_thread=False),
        },
        exception_handlers={**ERROR_HANDLERS},
        lifespan=[serving],
        openapi_config=docs_config(),
        template_config=page_templates,
        request_max_body_size=BODY_LIMIT,
        logging_config=None,
    )
    app.asgi_handler = RequestLog(HeadAsGet(app.asgi_handler))
    return app


def _report_undo(run_id: str, error: AtdmError) -> None:
    _log.warning("undo_failed", test_run_id=run_id, code=error.code, reason=error.message)

"""The application: settings in, Litestar out."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from litestar import Litestar, Router, static_files
from litestar.di import Provide
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from litestar.types import ControllerRouterHandler

from target_healthcare import healthcare
from target_healthcare.authorization import require_bearer
from target_healthcare.baseline import Database
from target_healthcare.catalog import load_schema
from target_healthcare.database import Pool, create_pool
from target_healthcare.ledger import Ledger
from target_healthcare.responses import handle_errors
from target_healthcare.routes import database_routes, docs_config, health, internal_routes, openapi_json, read_routes
from target_healthcare.settings import Settings
from target_healthcare.volume import Volumes

BODY_LIMIT: Final = 256 * 1024
"""Bytes of a request body, except where a route says otherwise."""
_STATIC: Final = Path(__file__).parent / "static"


def create_app(settings: Settings | None = None) -> Litestar:
    """Build the target for a migrated database; without settings they come from the environment.

    Raises `SettingsError`, `MigrationError` or `SchemaError` when it cannot be built.
    """
    settings = settings or Settings.from_environment()
    schema = load_schema(settings)
    pool = create_pool(settings)
    ledger = Ledger(pool, schema)
    database = Database(settings.database_url, schema)
    volumes = Volumes(settings.database_url, schema)
    internal: list[ControllerRouterHandler] = [*internal_routes, *database_routes]
    public: list[ControllerRouterHandler] = [health, openapi_json, *read_routes(schema)]
    if schema.by_name.keys() >= healthcare.TABLES:
        internal += healthcare.internal_routes
        public += healthcare.public_routes
    return Litestar(
        route_handlers=[
            *public,
            Router(
                "/internal",
                route_handlers=internal,
                guards=[require_bearer(settings.service_token)],
                tags=["internal"],
            ),
            static_files.create_static_files_router("/static", directories=[_STATIC], include_in_schema=False),
        ],
        dependencies={
            "ledger": Provide(lambda: ledger, sync_to_thread=False),
            "database": Provide(lambda: database, sync_to_thread=False),
            "volumes": Provide(lambda: volumes, sync_to_thread=False),
        },
        exception_handlers=handle_errors(pool),
        lifespan=[lambda _: _serving(pool)],
        logging_config=None,
        openapi_config=docs_config(),
        request_max_body_size=BODY_LIMIT,
        template_config=TemplateConfig(directory=healthcare.TEMPLATES, engine=JinjaTemplateEngine),
    )


@asynccontextmanager
async def _serving(pool: Pool) -> AsyncGenerator[None]:
    async with pool:
        await pool.wait()
        # What lives now lives for ever: keep the collector from walking it under load.
        gc.collect()
        gc.freeze()
        yield

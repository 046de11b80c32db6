"""The routes of the API. A handler reads the request, calls the engine and answers."""

from atdm_server.routes.bodies import require_json
from atdm_server.routes.catalog import catalog_routes
from atdm_server.routes.database import database_reads, database_routes
from atdm_server.routes.description import describe
from atdm_server.routes.docs import docs_config, openapi_json
from atdm_server.routes.health import health_routes
from atdm_server.routes.metrics import read_metrics
from atdm_server.routes.runs import audit_routes, request_routes, reset_routes
from atdm_server.routes.volumes import volume_reads, volume_routes

__all__ = [
    "audit_routes",
    "catalog_routes",
    "database_reads",
    "database_routes",
    "describe",
    "docs_config",
    "health_routes",
    "openapi_json",
    "read_metrics",
    "request_routes",
    "require_json",
    "reset_routes",
    "volume_reads",
    "volume_routes",
]

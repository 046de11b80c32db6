"""The routes any schema gets: health, the contract under `/internal/`, reads by key, documentation."""

from target_healthcare.routes.database import database_routes
from target_healthcare.routes.docs import docs_config, openapi_json
from target_healthcare.routes.health import health
from target_healthcare.routes.internal import internal_routes
from target_healthcare.routes.rows import read_routes

__all__ = ["database_routes", "docs_config", "health", "internal_routes", "openapi_json", "read_routes"]

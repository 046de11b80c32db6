"""The API's description at `/openapi.json`, and `/docs`, a page that needs no internet."""

from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.enums import OpenAPIMediaType
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from atdm_core import Engine
from atdm_server.responses import AnyRequest, error_response
from atdm_server.routes.description import GENERAL, describe
from atdm_server.version import VERSION

__all__ = ["OfflineDocs", "docs_config", "openapi_json"]

_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>ATDM API</title>
  <link rel="icon" href="data:,">
  <script type="module" src="/static/rapidoc/rapidoc-min.js"></script>
</head>
<body>
  <rapi-doc spec-url="/openapi.json" load-fonts="false" render-style="read" show-header="false"></rapi-doc>
</body>
</html>
"""


class OfflineDocs(OpenAPIRenderPlugin):
    """RapiDoc from our own static files; the framework's page would load fonts and scripts from the internet."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002 - the framework's signature
        """The page; it fetches the description itself."""
        return _PAGE


@get("/openapi.json", media_type=OpenAPIMediaType.OPENAPI_JSON)
async def openapi_json(request: AnyRequest, engine: NamedDependency[Engine]) -> dict[str, Any]:
    """The OpenAPI description of every route."""
    return describe(request.app, engine.registry)


def docs_config() -> OpenAPIConfig:
    """The description's head, and the page at `/docs`."""
    return OpenAPIConfig(
        title="ATDM, the Agentic Test Data Manager",
        version=VERSION,
        description=GENERAL,
        use_handler_docstrings=True,
        operation_id_creator=_name_of,
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        render_plugins=[OfflineDocs(path="/")],
        openapi_router=Router("/docs", route_handlers=[], include_in_schema=False, after_request=_one_error_shape),
    )


def _name_of(handler: HTTPRouteHandler, _method: Method, _path: list[str | PathParameterDefinition]) -> str:
    return handler.handler_name


async def _one_error_shape(response: Response[Any]) -> Response[Any]:
    # Below /docs the framework answers what it does not find with an HTML page of its own.
    if response.status_code != 404:
        return response
    return error_response(404, "NOT_FOUND", "there is no such page; see /docs")

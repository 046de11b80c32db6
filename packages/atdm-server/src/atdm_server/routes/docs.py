"""The API's description at `/openapi.json`, and `/docs`, a page that needs no internet."""

from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.enums import OpenAPIMediaType
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme

from atdm_server.responses import error_response
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


@get("/openapi.json", include_in_schema=False, media_type=OpenAPIMediaType.OPENAPI_JSON)
async def openapi_json(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The OpenAPI description of every route."""
    return request.app.openapi_schema.to_schema()


def docs_config() -> OpenAPIConfig:
    """The description's head, and the page at `/docs`."""
    return OpenAPIConfig(
        title="ATDM, the Agentic Test Data Manager",
        version=VERSION,
        description="Test data by intent: asked for, seeded, recorded, and taken back.",
        use_handler_docstrings=True,
        components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        render_plugins=[OfflineDocs(path="/"), JsonRenderPlugin()],
        openapi_router=Router("/docs", route_handlers=[], include_in_schema=False, after_request=_one_error_shape),
    )


async def _one_error_shape(response: Response[Any]) -> Response[Any]:
    # Below /docs the framework answers what it does not find with an HTML page of its own.
    if response.status_code != 404:
        return response
    return error_response(404, "NOT_FOUND", "there is no such page; see /docs")

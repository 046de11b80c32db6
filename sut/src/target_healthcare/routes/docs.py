"""The API's description at `/openapi.json`, and `/docs`, a page that needs no internet."""

from typing import Any, Final, TypeAlias

import msgspec
from litestar import Request, Response, Router, get
from litestar.enums import OpenAPIMediaType
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, OpenAPIRenderPlugin

from target_healthcare.baseline import MEDIA_TYPE
from target_healthcare.errors import ErrorBody
from target_healthcare.ledger import SeedRequest
from target_healthcare.responses import error_response

AnyRequest: TypeAlias = Request[Any, Any, Any]
Json: TypeAlias = dict[str, Any]

_SCHEMAS: Final = "#/components/schemas/{name}"
_PAGE: Final = b"""<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>The healthcare target</title>
  <link rel="icon" href="data:,">
  <script type="module" src="/static/rapidoc/rapidoc-min.js"></script>
</head>
<body>
  <rapi-doc spec-url="/openapi.json" load-fonts="false" render-style="read" show-header="false"></rapi-doc>
</body>
</html>
"""


class OfflinePage(OpenAPIRenderPlugin):
    """RapiDoc from our own static files; the framework's page would load fonts from the internet."""

    def render(self, request: AnyRequest, openapi_schema: Json) -> bytes:  # noqa: ARG002
        """Return the page; it fetches the description itself."""
        return _PAGE


class Description(JsonRenderPlugin):
    """The description as `describe` completes it."""

    def render(self, request: AnyRequest, openapi_schema: Json) -> bytes:
        """Return the JSON."""
        return super().render(request, describe(openapi_schema))


@get("/openapi.json", include_in_schema=False, media_type=OpenAPIMediaType.OPENAPI_JSON)
async def openapi_json(request: AnyRequest) -> Json:
    """The OpenAPI description of every route."""
    return describe(request.app.openapi_schema.to_schema())


def docs_config() -> OpenAPIConfig:
    """Serve the page at `/docs`."""
    return OpenAPIConfig(
        title="The healthcare target",
        version="1",
        description="A system under test: public reads, and the target contract under /internal/.",
        use_handler_docstrings=True,
        render_plugins=[OfflinePage(path="/"), Description()],
        openapi_router=Router("/docs", route_handlers=[], include_in_schema=False, after_request=_one_error_shape),
    )


def describe(openapi: Json) -> Json:
    """Complete what the framework knows: errors have our shape, and a seed, read from raw bytes, has a body."""
    _, components = msgspec.json.schema_components([ErrorBody, SeedRequest], ref_template=_SCHEMAS)
    openapi.setdefault("components", {}).setdefault("schemas", {}).update(components)
    for path in openapi["paths"].values():
        for operation in path.values():
            answers = {status: answer for status, answer in operation["responses"].items() if status < "400"}
            operation["responses"] = answers | {"default": {"description": "Refused", **_json_of("ErrorBody")}}
    seed = openapi["paths"]["/internal/runs/{run_id}"]["put"]
    seed["requestBody"] = {"required": True, **_json_of("SeedRequest")}
    frames: Json = {"content": {MEDIA_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
    database = openapi["paths"]["/internal/database"]
    database["get"]["responses"]["200"] = {"description": "Frames of Arrow batches", **frames}
    database["put"]["requestBody"] = {"required": True, **frames}
    return openapi


def _json_of(name: str) -> Json:
    return {"content": {"application/json": {"schema": {"$ref": _SCHEMAS.format(name=name)}}}}


async def _one_error_shape(response: Response[Any]) -> Response[Any]:
    # Below /docs the framework answers what it does not find with an HTML page of its own.
    if response.status_code != 404:
        return response
    return error_response(404, "NOT_FOUND", "there is no such page; see /docs", {})

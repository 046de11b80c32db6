"""The OpenAPI description of every route, made of what the code has: structs, docstrings and refusals.

The framework knows paths and parameters. Bodies are described by msgspec, which is what reads and writes them, and the
errors of a route by its `refusals`, beside those that follow from its having a body, parameters or a guard.
"""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from inspect import cleandoc
from itertools import groupby
from typing import Any, Final, cast, get_args, get_origin

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.serialization import decode_json, encode_json
from msgspec import Struct

from atdm_core import AtdmError, Registry, errors
from atdm_server.errors import (
    AuthRequired,
    BodyTooLarge,
    DeadlineExceeded,
    ScopeRequired,
    UnsupportedMediaType,
)
from atdm_server.responses import ErrorBody, status_of

__all__ = ["GENERAL", "describe"]

Json = dict[str, Any]

GENERAL: Final = """\
Test data by intent: asked for, seeded, recorded, and taken back.

- Reads are open, unless the server was started with `ATDM_READS=token`. What changes something needs
  `Authorization: Bearer <token>` with the scope for it: `seed` for requests, `reset` for what is done to one run, and
  `admin` for the rest. The server's `ATDM_API_TOKEN` may do everything.
- Bodies are JSON in UTF-8 of at most 256 KiB. One of another `Content-Type` is answered 415; one without any is taken
  for JSON. Unknown fields are refused.
- Every answer that is not a success has the body `{"error": {"code", "message", "details", "test_run_id"?}}`. Branch on
  `code`; the message is for people.
- A path that does not exist is 404 `NOT_FOUND`. A method that a path does not take is 405 `METHOD_NOT_ALLOWED`, with
  `Allow`. A 500 of any route says that the server or a pack is at fault; the server's log says why.
- HEAD answers like GET, without the body.
- Every answer has `x-request-id`, which the server's log has too.
"""
_REF: Final = "#/components/schemas/{name}"
_LINKS: Final[Mapping[str, Json]] = {
    "request_data": {
        "reset": {
            "operationId": "reset_run",
            "parameters": {"run_id": "$response.body#/test_run_id"},
            "requestBody": {"cleanup_token": "$response.body#/cleanup/cleanup_token"},
        },
        "extension": {
            "operationId": "extend_run",
            "parameters": {"run_id": "$response.body#/test_run_id"},
            "requestBody": {"cleanup_token": "$response.body#/cleanup/cleanup_token", "ttl_seconds": 600},
        },
        "trail": {"operationId": "read_trail", "parameters": {"run_id": "$response.body#/test_run_id"}},
    },
    "create_volume": {
        "reset": {
            "operationId": "reset_run",
            "parameters": {"run_id": "$response.body#/test_run_id"},
            "requestBody": {"cleanup_token": "$response.body#/cleanup/cleanup_token"},
        },
        "events": {"operationId": "follow_volume", "parameters": {"run_id": "$response.body#/test_run_id"}},
    },
    "extend_run": {"trail": {"operationId": "read_trail", "parameters": {"run_id": "$response.body#/run_id"}}},
    "reset_run": {"trail": {"operationId": "read_trail", "parameters": {"run_id": "$response.body#/run_id"}}},
    "reset_all": {"trail": {"operationId": "read_trail", "parameters": {"run_id": "$response.body#/audit_run_id"}}},
    "take_snapshot": {
        "restore": {
            "operationId": "restore_baseline",
            "requestBody": {"baseline_id": "$response.body#/baseline_id"},
        },
        "trail": {"operationId": "read_trail", "parameters": {"run_id": "$response.body#/audit_run_id"}},
    },
    "restore_baseline": {
        "trail": {"operationId": "read_trail", "parameters": {"run_id": "$response.body#/audit_run_id"}}
    },
}
"""Where an answer leads, by operation."""


def describe(app: Litestar, registry: Registry) -> Json:
    """The OpenAPI 3.1 document. Its examples ask for a scenario of the first pack that is installed."""
    document: Json = decode_json(encode_json(app.openapi_schema.to_schema()))
    handlers = {(path, method): handler for path, method, handler in _handlers(app)}
    types = {ErrorBody, *(type_ for handler in handlers.values() for type_ in _structs_of(handler))}
    schemas, components = msgspec.json.schema_components(tuple(types), ref_template=_REF)
    refs = dict(zip(types, schemas, strict=True))
    examples = _examples(registry)
    for (path, method), handler in handlers.items():
        told: Json = document["paths"][path][method.lower()]
        _describe_operation(told, handler, refs)
        if handler.handler_name in examples:
            told["requestBody"]["content"]["application/json"]["examples"] = examples[handler.handler_name]
    for component in components.values():
        component["description"] = cleandoc(component["description"])
        _name_types(component)
    document["components"]["schemas"] = components
    document["components"]["responses"] = {"Fault": _fault(refs[ErrorBody])}
    return document


def _handlers(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for method, (handler, _) in route.route_handler_map.items():
                if handler.resolve_include_in_schema() and method != "OPTIONS":
                    yield route.path_format, method, handler


def _structs_of(handler: HTTPRouteHandler) -> Iterator[type[Struct]]:
    kinds = (_body_of(handler), _answer_of(handler), _events_of(handler))
    yield from (kind for kind in kinds if _is_struct(kind))


def _describe_operation(told: Json, handler: HTTPRouteHandler, refs: Mapping[Any, Json]) -> None:
    told["summary"] = told["description"].partition(".")[0].partition(":")[0]
    told.pop("deprecated", None)
    for parameter in told.get("parameters", ()):
        _describe_parameter(parameter)
    if body := _body_of(handler):
        told["requestBody"] = {
            "content": {"application/json": {"schema": refs[body]}},
            "required": any(field.required for field in msgspec.structs.fields(body)),
        }
    success = next(iter(told["responses"]))
    told["responses"] = {
        success: _success(told["responses"][success], handler, refs),
        **dict(_refused(_refusals(told, handler), refs[ErrorBody])),
        "500": {"$ref": "#/components/responses/Fault"},
    }


def _name_types(schema: Json) -> None:
    """Say that an enumeration of texts is text: msgspec does not, and the page would show null for an example."""
    if all(isinstance(value, str) for value in schema.get("enum", [None])):
        schema["type"] = "string"
    within = [*schema.get("properties", {}).values(), *schema.get("anyOf", ()), schema.get("additionalProperties")]
    for part in within:
        if isinstance(part, dict):
            _name_types(cast("Json", part))


def _describe_parameter(parameter: Json) -> None:
    """Absence is what the framework calls null; over HTTP nobody can send one."""
    for name in ("deprecated", "allowEmptyValue", "allowReserved"):
        parameter.pop(name, None)
    schema: Json = parameter["schema"]
    for kind in schema.pop("oneOf", ()):
        if kind != {"type": "null"}:
            schema.update(kind)
    if isinstance(schema.get("type"), list):
        schema["type"] = next(kind for kind in schema["type"] if kind != "null")
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if "const" in schema:
        parameter["required"] = True


def _success(told: Json, handler: HTTPRouteHandler, refs: Mapping[Any, Json]) -> Json:
    answer = _answer_of(handler)
    if events := _events_of(handler):
        told["content"] = {"text/event-stream": {"schema": _event(refs[events])}}
        told["description"] = f"Server-sent events; the `data` of each is a `{events.__name__}` in JSON."
    elif answer in refs:
        told["content"] = {"application/json": {"schema": refs[answer]}}
        told["description"] = (answer.__doc__ or "").strip().partition("\n")[0]
    else:
        told["description"] = "What was asked for."
    told["headers"] = {
        name: {"description": header["description"], "required": True, "schema": {"type": "string"}}
        for name, header in told.get("headers", {}).items()
    }
    if handler.handler_name in _LINKS:
        told["links"] = _LINKS[handler.handler_name]
    return told


def _event(data: Json) -> Json:
    """An event of a stream: what kind of word it is, and the word."""
    word = {"type": "string", "contentMediaType": "application/json", "contentSchema": data}
    kind = {"type": "string", "enum": ["progress", "ready", "failed"]}
    return {"type": "object", "properties": {"event": kind, "data": word}, "required": ["event", "data"]}


def _refusals(told: Json, handler: HTTPRouteHandler) -> list[type[AtdmError]]:
    """What the route may answer beside its success, by status."""
    found: set[type[AtdmError]] = set(handler.opt.get("refusals", ()))
    if told.get("security"):
        found |= {AuthRequired, ScopeRequired, errors.TooManyRequests}
    if "body" in handler.opt:
        found |= {BodyTooLarge, UnsupportedMediaType}
    if "body" in handler.opt or told.get("parameters"):
        found.add(errors.InvalidRequest)
    if handler.opt.get("has_deadline"):
        found.add(DeadlineExceeded)
    return sorted(found, key=lambda kind: (_status(kind), kind.code))


def _refused(kinds: Sequence[type[AtdmError]], body: Json) -> Iterator[tuple[str, Json]]:
    for status, group in groupby(kinds, _status):
        same = list(group)
        codes: Json = {"properties": {"code": {"enum": [kind.code for kind in same]}}}
        answer: Json = {
            "description": " ".join(f"`{kind.code}`: {_sentence(kind)}" for kind in same),
            "content": {
                "application/json": {
                    "schema": {"allOf": [body, {"properties": {"error": codes}}]},
                    "examples": {kind.code: {"value": _example_of(kind)} for kind in same},
                }
            },
        }
        if status == HTTPStatus.UNAUTHORIZED:
            answer["headers"] = {"www-authenticate": {"required": True, "schema": {"const": "Bearer"}}}
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            answer["headers"] = {"retry-after": {"required": True, "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
        yield str(status), answer


def _fault(body: Json) -> Json:
    return {
        "description": "The server or a pack is at fault; `code` is `INTERNAL_ERROR` or another, and the log says why.",
        "content": {"application/json": {"schema": body}},
    }


def _example_of(kind: type[AtdmError]) -> Json:
    return {"error": {"code": kind.code, "message": _sentence(kind), "details": {}}}


def _examples(registry: Registry) -> Mapping[str, Json]:
    packs, _ = registry.packs()
    scenarios = {name: {"value": {"scenario": name}} for pack in packs.values() for name in pack.scenarios}
    return {
        "request_data": scenarios,
        "create_volume": {
            f"ten of {pack.name}": {"value": {"domain": pack.name, "mix": {next(iter(pack.scenarios)): 1}, "count": 10}}
            for pack in packs.values()
        },
        "reset_run": {"token": {"value": {"cleanup_token": "0" * 64}}},
        "extend_run": {"ten minutes": {"value": {"cleanup_token": "0" * 64, "ttl_seconds": 600}}},
        "take_snapshot": {"named": {"value": {"baseline_id": "golden"}}, "unnamed": {"value": {}}},
        "restore_baseline": {"named": {"value": {"baseline_id": "golden"}}, "latest": {"value": {}}},
    }


def _body_of(handler: HTTPRouteHandler) -> Any:
    return handler.opt.get("body")


def _events_of(handler: HTTPRouteHandler) -> Any:
    return handler.opt.get("events")


def _answer_of(handler: HTTPRouteHandler) -> Any:
    annotation: Any = handler.parsed_fn_signature.return_type.annotation
    return get_args(annotation)[0] if get_origin(annotation) is Response else annotation


def _is_struct(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Struct)


def _sentence(kind: type[AtdmError]) -> str:
    return (kind.__doc__ or "").strip().partition("\n")[0]


def _status(kind: type[AtdmError]) -> int:
    return status_of(kind(""))

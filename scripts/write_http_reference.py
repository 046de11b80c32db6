"""Write docs/reference/http.md from the server itself: every route, parameter, field, answer and error.

.venv/bin/python -m scripts.write_http_reference           write the page
.venv/bin/python -m scripts.write_http_reference --check   fail when the page is not what the server says
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any, Final, TypeAlias

from litestar import Litestar
from litestar.routes import HTTPRoute

from atdm_core import Registry
from atdm_server import Settings, create_app
from atdm_server.routes import describe
from atdm_server.tokens import Tokens

__all__ = ["PAGE", "reference"]

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "reference" / "http.md"
NOTE: Final = "<!-- Written by scripts/write_http_reference.py from the server; do not edit. -->"
Json: TypeAlias = dict[str, Any]


def reference() -> str:
    """The page, as Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(_settings(Path(folder)))
        document = describe(app, Registry())
        pages = list(_pages(app))
    operations = [
        (method.upper(), path, told) for path, methods in document["paths"].items() for method, told in methods.items()
    ]
    schemas: Json = document["components"]["schemas"]
    parts = [
        f"# The HTTP API\n\n{NOTE}\n\n{document['info']['description'].strip()}",
        _table(("route", "what it does"), ((_link(m, p), told["summary"]) for m, p, told in operations)),
        *(_operation(*operation) for operation in operations),
        *(_schema(name, schemas[name]) for name in sorted(schemas)),
        "## Pages for people\n\nHTML, without scripts; not part of the description at `/openapi.json`.\n\n"
        + _table(("route", "what it shows"), pages),
    ]
    return "\n\n".join(parts) + "\n"


def _settings(folder: Path) -> Settings:
    return Settings(
        tokens=Tokens(()),
        target_url="http://127.0.0.1:1",
        target_token="not used",  # noqa: S106 - nothing is served
        store_url=folder.as_uri(),
        server_key=b"not used",
        fixture_folder=folder,
    )


def _pages(app: Litestar) -> Iterator[tuple[str, str]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path.startswith("/ui/"):
            handler, _ = route.route_handler_map["GET"]
            yield f"`GET {route.path_format}`", cleandoc(handler.fn.__doc__ or "")
    yield "`GET /docs`", "This API, to read and to try; it needs no internet."
    yield "`GET /`", "Leads to `/ui/runs`."


def _operation(method: str, path: str, told: Json) -> str:
    needs = "Needs the API token." if told.get("security") else "Open to anyone."
    lines = [f"## {method} {path}", told["description"], needs]
    if parameters := told.get("parameters"):
        rows = ((f"`{p['name']}`", p["in"], _kind(p["schema"]), _meaning(p)) for p in parameters)
        lines.append(_table(("parameter", "in", "type", "meaning"), rows))
    if body := told.get("requestBody"):
        (content,) = body["content"].values()
        lines.append(f"Body: {_kind(content['schema'])}{'' if body['required'] else ', or none'}.")
    lines.append(_table(("status", "code", "body or meaning"), _answers(told["responses"])))
    return "\n\n".join(lines)


def _answers(responses: Json) -> Iterator[tuple[str, str, str]]:
    for status, answer in responses.items():
        if "$ref" in answer:  # a 500, which the introduction tells once
            continue
        ((media_type, content),) = answer["content"].items()
        headers = [f" Header `{name}`." for name in answer.get("headers", {})]
        if status.startswith("2"):
            kind = _kind(content["schema"]) if media_type == "application/json" else f"`{media_type}`"
            yield status, "", f"{kind}. {answer['description']}{''.join(headers)}"
        else:
            for code, example in content["examples"].items():
                yield status, f"`{code}`", f"{example['value']['error']['message']}{''.join(headers)}"


def _schema(name: str, schema: Json) -> str:
    needed = schema.get("required", ())
    rows = (
        (f"`{field}`", _kind(kind), "" if field in needed else _default(kind))
        for field, kind in schema["properties"].items()
    )
    closed = "\n\nOther fields are refused." if schema.get("additionalProperties") is False else ""
    return f"## {name}\n\n{schema['description']}{closed}\n\n{_table(('field', 'type', 'when absent'), rows)}"


def _default(kind: Json) -> str:
    if "default" not in kind:
        return "may be absent"
    default = kind["default"]
    if isinstance(default, dict):
        return "all its defaults"
    shown = default if isinstance(default, str) else json.dumps(default)
    return "empty" if default in ([], ()) else f"`{shown}`"


def _meaning(parameter: Json) -> str:
    default = parameter["schema"].get("default")
    words = [parameter.get("description", ""), f"Default: `{default}`." if default is not None else ""]
    words.append("Needed." if parameter["required"] else "")
    return " ".join(word for word in words if word)


def _kind(schema: Json) -> str:
    if "$ref" in schema:
        name: str = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(_kind(kind) for kind in schema["anyOf"])
    if "allOf" in schema:
        return _kind(schema["allOf"][0])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return " or ".join(f"`{value}`" for value in schema["enum"])
    return _plain(schema)


def _plain(schema: Json) -> str:
    match schema:
        case {"type": "array"}:
            return f"array of {_one(schema.get('items', {}))}"
        case {"type": "object", "additionalProperties": _}:
            return f"object of {_one(schema['additionalProperties'])}"
        case {"format": "date-time"}:
            return "moment (RFC 3339)"
        case {"format": "date"}:
            return f"day (`YYYY-MM-DD`){_bounds(schema)}"
        case _:
            return f"{schema.get('type', 'anything')}{_bounds(schema)}"


def _one(schema: Json) -> str:
    kind = _kind(schema)
    return f"({kind})" if " or " in kind else kind


def _bounds(schema: Json) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f", {low:.0f} to {high:.0f}"
    if "pattern" in schema:
        return f" like `{schema['pattern']}`"
    if "maxLength" in schema:
        return f" of {schema.get('minLength', 0)} to {schema['maxLength']} characters"
    return ""


def _link(method: str, path: str) -> str:
    anchor = "".join(letter for letter in f"{method} {path}".lower() if letter.isalnum() or letter in " -_")
    return f"[`{method} {path}`](#{anchor.replace(' ', '-')})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [" | ".join(cell.replace("|", "\\|") for cell in line) for line in (head, *rows)]
    lines.insert(1, "|".join("---" for _ in head))
    return "\n".join(f"| {line} |" if number != 1 else f"|{line}|" for number, line in enumerate(lines))


def main() -> int:
    """Write the page or check it; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when the page is out of date")
    if not parser.parse_args().check:
        PAGE.write_text(reference(), encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != reference():
        print(
            f"error: {PAGE.name} is out of date; run .venv/bin/python -m scripts.write_http_reference", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

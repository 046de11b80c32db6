"""How a model becomes a page: the templates, and the headers that keep everything else out."""

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.template import TemplateConfig
from msgspec import Struct

__all__ = ["page_templates", "sheet"]

_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

page_templates: Final = TemplateConfig(
    instance=JinjaTemplateEngine.from_environment(
        Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
    )
)
"""What the application needs to render the pages."""


def sheet(template: str, page: Struct, status: int = 200) -> Template:
    """The answer that shows `page`, under the headers of every page."""
    return Template(template, context={"page": page}, status_code=status, headers=_HEADERS)

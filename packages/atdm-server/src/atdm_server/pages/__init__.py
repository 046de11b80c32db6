"""Pages for people: what became of a run, which runs there were, what can be asked for.

Each page is a model, a frozen struct that Python prepares, and a template that only lays it out.
No page has a script, or anything from another host.
"""

from atdm_server.pages.routes import page_routes
from atdm_server.pages.sheet import page_templates

__all__ = ["page_routes", "page_templates"]

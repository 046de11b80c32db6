"""The page of an error."""

from http import HTTPStatus
from typing import Final

import structlog
from litestar.response import Template
from msgspec import Struct

from atdm_core import AtdmError
from atdm_core.errors import InvalidRequest
from atdm_server.pages.sheet import sheet
from atdm_server.request_log import RUN_ID
from atdm_server.responses import AnyRequest, status_of

__all__ = ["RefusalPage", "refuse", "refuse_id"]

_log: Final = structlog.stdlib.get_logger("atdm_server")


class RefusalPage(Struct, frozen=True):
    """What went wrong, in a word and in a sentence."""

    title: str
    message: str
    place: str = "refusal"


def refuse(request: AnyRequest, error: AtdmError) -> Template:
    """The page of any error of ATDM, with the status that the API has for it."""
    status = status_of(error)
    request.scope["state"][RUN_ID] = error.run_id
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("error", code=error.code, test_run_id=error.run_id, exc_info=error)
    page = sheet("refusal.html", RefusalPage(HTTPStatus(status).phrase, error.message), status)
    if status == HTTPStatus.UNAUTHORIZED:
        page.set_header("www-authenticate", "Bearer")
    return page


def refuse_id(_: AnyRequest, error: InvalidRequest) -> Template:
    """A text that can be nobody's id names a page that does not exist."""
    return sheet("refusal.html", RefusalPage(HTTPStatus.NOT_FOUND.phrase, error.message), HTTPStatus.NOT_FOUND)

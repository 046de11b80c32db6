"""`GET /metrics`, for Prometheus."""

import os

from litestar import Response, get

from atdm_server.metrics import exposition

__all__ = ["read_metrics"]


@get("/metrics", media_type="text/plain", sync_to_thread=True, open_to_all=True)
def read_metrics() -> Response[bytes]:
    """All metrics of all worker processes, in Prometheus' text format."""
    return Response(exposition(os.environ), media_type="text/plain; version=0.0.4; charset=utf-8")

"""Objects in S3, over a network that is not always kind."""

import time

import pytest

from atdm_core.errors import StoreUnavailable
from atdm_server.store import RemoteStore
from tests.flaky_proxy import FlakyProxy
from tests.s3 import S3, s3_environment

PATIENCE = 9.0  # seconds; the client gives up after five


@pytest.mark.parametrize("done", [False, True])
async def test_an_answer_that_never_comes_is_not_waited_for_long(
    s3: S3, monkeypatch: pytest.MonkeyPatch, *, done: bool
) -> None:
    """Whether the store has the object or not, its silence is told after seconds, and the object can be sent again."""
    async with FlakyProxy(s3.endpoint) as proxy:
        for name, value in s3_environment(proxy.url).items():
            monkeypatch.setenv(name, value)
        store = RemoteStore("s3://atdm-audit/hanging")
        proxy.arm(lambda call: call.method == "PUT", done=done)
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.create(f"silent-{done}", b"mine")
        assert time.monotonic() - began < PATIENCE
        assert await store.create(f"silent-{done}", b"mine")

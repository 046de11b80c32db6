"""Objects in S3, over a network that is not always kind."""

import time

import pytest

from atdm_server.store import RemoteStore
from tests.flaky_proxy import FlakyProxy
from tests.s3 import S3, s3_environment


async def test_an_answer_that_never_comes_is_asked_for_again(s3: S3, monkeypatch: pytest.MonkeyPatch) -> None:
    """A create whose answer is lost is sent again after a few seconds, and its own object is no one else's."""
    async with FlakyProxy(s3.endpoint) as proxy:
        for name, value in s3_environment(proxy.url).items():
            monkeypatch.setenv(name, value)
        store = RemoteStore("s3://atdm-audit/hanging")
        proxy.arm(lambda call: call.method == "PUT", done=False)
        began = time.monotonic()
        assert await store.create("never-arrived", b"mine")
        proxy.arm(lambda call: call.method == "PUT", done=True)
        assert await store.create("never-answered", b"mine")
        assert time.monotonic() - began < 20
    assert s3.read("atdm-audit", "hanging/never-answered") == b"mine"

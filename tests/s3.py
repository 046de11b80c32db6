"""A real S3 endpoint over HTTP for tests: moto's server, a process of its own on a free port.

with start_s3() as s3, s3.in_environment():
    ...  # programs started here find it through their AWS_* variables
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx2
import pytest

from infra.local_stack.part import Part, answers
from infra.local_stack.stack import free_ports
from infra.local_stack.supervisor import Supervisor

BUCKETS: Final = ("atdm-audit", "atdm-catalog")
ANYBODY: Final = {"authorization": "AWS anybody:unsigned"}


@dataclass(frozen=True)
class S3:
    """A running endpoint. It checks no signature, so tests may read objects with plain GETs."""

    endpoint: str
    supervisor: Supervisor

    @property
    def environment(self) -> dict[str, str]:
        """The variables through which a program finds this endpoint."""
        return s3_environment(self.endpoint)

    @contextmanager
    def in_environment(self) -> Generator[None]:
        """Set the variables for programs that are started within the block."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.environment.items():
                patch.setenv(name, value)
            yield

    def keys(self, bucket: str) -> list[str]:
        """The keys of a bucket, read past everything that ATDM says."""
        found: list[str] = []
        while True:  # a listing has a thousand keys at most
            params = {"list-type": "2", "start-after": found[-1] if found else ""}
            listing = httpx2.get(f"{self.endpoint}/{bucket}", params=params).raise_for_status().text
            found += re.findall(r"<Key>(.*?)</Key>", listing)
            if "<IsTruncated>true</IsTruncated>" not in listing:
                return found

    def read(self, bucket: str, key: str) -> bytes:
        """The bytes of an object."""
        return httpx2.get(f"{self.endpoint}/{bucket}/{key}", headers=ANYBODY).raise_for_status().content

    def stop(self) -> None:
        """End the server; it forgets everything."""
        self.supervisor.stop()


def s3_environment(endpoint: str) -> dict[str, str]:
    """What obstore reads to find an S3 endpoint; the keys are made up."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "a-test-key",
        "AWS_SECRET_ACCESS_KEY": "a-test-secret",
    }


@contextmanager
def start_s3() -> Generator[S3]:
    """Start an endpoint with ATDM's two empty buckets, and stop it afterwards."""
    (port,) = free_ports(1)
    endpoint = f"http://127.0.0.1:{port}"
    folder = Path(tempfile.mkdtemp(prefix="s3-"))
    supervisor = Supervisor(lambda name: folder / f"{name}.log")
    program = str(Path(sys.executable).with_name("moto_server"))
    command = (program, "--host", "127.0.0.1", "--port", str(port))
    try:
        supervisor.start(Part("s3", command, lambda: answers(f"{endpoint}/moto-api/data.json")))
        for bucket in BUCKETS:
            httpx2.put(f"{endpoint}/{bucket}").raise_for_status()
        yield S3(endpoint, supervisor)
    finally:
        supervisor.stop()
        shutil.rmtree(folder, ignore_errors=True)

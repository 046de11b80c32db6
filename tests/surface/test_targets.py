"""The suite that every target inherits, against the fake in memory and against the reference target over HTTP."""

from collections.abc import Mapping

import httpx2
import pytest

from atdm_core import Pack, Target
from atdm_core.testing import MemoryTarget, TargetContract
from atdm_healthcare import PACK
from atdm_server.http_target import HttpTarget
from infra.local_stack import Stack
from tests.surface.surfaces import SHARED_CODES


class HealthcareTarget(TargetContract):
    """What both targets are seeded with."""

    def a_pack(self) -> tuple[Pack, str]:
        """See `TargetContract`."""
        return PACK, "claim_denial_active_member"


class TestMemoryTarget(HealthcareTarget):
    """The fake keeps the promises that the engine builds on."""

    def open_target(self) -> Target:
        """See `TargetContract`."""
        return MemoryTarget(SHARED_CODES)

    async def row_counts(self, target: Target, run_id: str) -> Mapping[str, int]:
        """See `TargetContract`."""
        assert isinstance(target, MemoryTarget)
        return {
            name: sum(row["test_run_id"] == run_id for row in rows.values()) for name, rows in target.tables.items()
        }


class TestReferenceTarget(HealthcareTarget):
    """The reference target keeps them over HTTP, on PostgreSQL."""

    @pytest.fixture(autouse=True)
    def use_stack(self, stack: Stack) -> None:
        """Point the suite at the target of the stack."""
        self.url, self.token = stack.target_url, stack.target_token

    def open_target(self) -> Target:
        """See `TargetContract`."""
        return HttpTarget(self.url, self.token, timeout=30)

    async def row_counts(self, target: Target, run_id: str) -> Mapping[str, int]:
        """See `TargetContract`."""
        headers = {"authorization": f"Bearer {self.token}"}
        async with httpx2.AsyncClient(base_url=self.url, headers=headers) as http:
            answer = await http.get(f"/internal/runs/{run_id}")
        return answer.json()["row_counts"] if answer.status_code == 200 else {}

    async def close_target(self, target: Target) -> None:
        """See `TargetContract`."""
        assert isinstance(target, HttpTarget)
        await target.close()

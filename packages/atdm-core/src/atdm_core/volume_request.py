"""What a volume in the target is asked for with, and what is told of it until it is there."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from atdm_core.draw import LARGEST_SEED
from atdm_core.errors import InvalidRequest
from atdm_core.values import AS_OF_FORM, Cleanup, Moment, Request, RunStatus

__all__ = ["SCENARIO", "VolumeAccepted", "VolumeProgress", "VolumeRequest"]

SCENARIO: Final = "volume"
"""What stands where other runs have their scenario; the mixture is among the constraints."""
MOST: Final = 100_000_000  # bundles of one run


class VolumeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request for many bundles: of each scenario in `mix` its share of `count`, by weight.

    `as_of` is the day all dates are relative to (UTC today when absent). The time to live counts from when the rows
    are there.
    """

    mix: Annotated[
        dict[Annotated[str, Meta(min_length=1, max_length=128)], Annotated[int, Meta(ge=1, le=1_000_000)]],
        Meta(min_length=1, max_length=64),
    ]
    count: Annotated[int, Meta(ge=1, le=MOST)]
    domain: Annotated[str, Meta(min_length=1, max_length=128)]
    seed: Annotated[int, Meta(ge=0, le=LARGEST_SEED)] | None = None
    as_of: Annotated[date, Meta(extra_json_schema={"pattern": AS_OF_FORM})] | None = None
    ttl_seconds: Annotated[int, Meta(ge=1, le=31_536_000)] | None = None

    def __post_init__(self) -> None:
        """Raise `InvalidRequest` for a day around which dates could leave the four-digit years."""
        if self.as_of is not None and not re.match(AS_OF_FORM, self.as_of.isoformat()):
            raise InvalidRequest(f"as_of cannot be {self.as_of}; use a day of the years 1000 to 8999")

    def as_request(self) -> Request:
        """The same as a request that a trail and a catalog can hold."""
        mix = ",".join(f"{scenario}={weight}" for scenario, weight in self.mix.items())
        return Request(
            scenario=SCENARIO,
            domain=self.domain,
            constraints={"mix": mix, "count": self.count},
            seed=self.seed,
            as_of=self.as_of,
            ttl_seconds=self.ttl_seconds,
        )


class VolumeAccepted(Struct, frozen=True, kw_only=True):
    """The answer to a request for a volume, when it is open. The cleanup token is told here and nowhere else.

    Asked again under the same idempotency key, the answer is the same, but for its status: what the run is by now.
    `events` is where to follow it. `cleanup.expires_at` is not known before the rows are there.
    """

    request_id: str
    test_run_id: str
    status: RunStatus
    count: int
    seed: int
    as_of: date
    events: str
    cleanup: Cleanup


class VolumeProgress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far a volume has come: bundles and rows that were sent to the target.

    Both are absent where another server process makes it. The last word has what came of it: `row_counts`,
    `expires_at` and `digest`, or the `error`.
    """

    test_run_id: str
    status: RunStatus
    bundles: int | None = None
    rows: int | None = None
    rows_per_second: float | None = None
    row_counts: Mapping[str, int] | None = None
    expires_at: Moment | None = None
    digest: str | None = None
    error: Mapping[str, Any] | None = None

"""Server-sent events of a volume: what a line of the stream says."""

import json
from typing import cast

from atdm.contract import VolumeProgress
from atdm.errors import AtdmClientError

__all__ = ["read_word"]


def read_word(line: str) -> VolumeProgress | None:
    """The progress that a line carries, None where it carries none; AtdmClientError where the volume has failed."""
    field, _, value = line.partition(":")
    if field != "data":
        return None
    word = cast("VolumeProgress", json.loads(value))
    if error := word.get("error"):
        raise AtdmClientError(
            error["message"],
            code=error["code"],
            details=error.get("details"),
            test_run_id=word["test_run_id"],
            body={"error": error},
        )
    return word

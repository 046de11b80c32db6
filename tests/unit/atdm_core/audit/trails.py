"""Trails for tests."""

from atdm_core.audit import Trail


def a_trail(*actions: str) -> Trail:
    """The trail of run `run` with these events."""
    trail = Trail("run")
    for action in actions or ("request_received", "catalog_recorded"):
        trail.record(action, invoker="human:ann", inputs={"text": "ü \x00 \u2028"})
    return trail

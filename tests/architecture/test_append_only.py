"""The audit trail grows at its end. No route, function or flag changes or deletes an event."""

import ast
import re
from pathlib import Path

import pytest

from atdm_core import AuditLog
from atdm_core.audit import Trail
from atdm_core.testing import MemoryLog
from atdm_server import Settings, create_app
from atdm_server.store import ObjectAuditLog
from atdm_server.tokens import Tokens
from tests.architecture.sources import functions_of, name_of, python, tree_of

CHANGES = r"(delete|update|edit|remove|change|modify|rewrite|replace|purge|truncate|clear|redact)"
CHANGING_NAME = re.compile(rf"^_*{CHANGES}_(\w+_)?(event|entry|entries|trail|part|segment|mark)s?$")


def test_no_route_changes_the_audit() -> None:
    """Below /audit, and wherever a path speaks of trails or events, there is nothing but reading."""
    settings = Settings(
        tokens=Tokens([Tokens.admin("an-api-token-of-this-test", "ATDM_API_TOKEN")]),
        target_url="http://127.0.0.1:1",
        target_token="a-target-token-of-this-test",
        store_url="file:///nowhere",
        server_key=b"the server key of this test",
        fixture_folder=Path("/nowhere"),
    )
    about_audit = [route for route in create_app(settings).routes if re.search(r"audit|trail|event", route.path)]
    assert about_audit
    assert {method for route in about_audit for method in getattr(route, "methods", ())} <= {"GET", "HEAD", "OPTIONS"}


def test_no_function_is_named_after_changing_the_audit() -> None:
    """No function of packages or target says that it changes events, entries, trails, parts, marks or segments."""
    found = [
        f"{name_of(path)}: {function.name}"
        for path in python("packages", "sut")
        for function in functions_of(path)
        if CHANGING_NAME.match(function.name)
    ]
    assert found == []


def test_the_seam_can_only_append() -> None:
    """The audit log's protocol has six methods, and none of them changes what is there."""
    seam = {"note", "marks", "retire", "append", "read", "strategies"}
    assert {name for name in vars(AuditLog) if not name.startswith("_")} == seam


@pytest.mark.parametrize("kind", [MemoryLog, ObjectAuditLog])
def test_implementations_offer_no_more(kind: type[MemoryLog] | type[ObjectAuditLog]) -> None:
    """What implements the seam offers nothing that changes what is there, under whatever name."""
    names = {name for name in vars(kind) if not name.startswith("_")}
    assert {"note", "append", "read"} <= names
    assert not [name for name in names if re.match(CHANGES, name)]


def test_entries_of_a_trail_cannot_be_reached() -> None:
    """A trail hands out its entries as a frozen sequence, and each entry is frozen."""
    trail = Trail("run")
    trail.record("request_received", invoker="x")
    assert isinstance(trail.entries, tuple)
    entry: object = trail.entries[0]
    with pytest.raises(AttributeError):
        entry.body = b""  # pyright: ignore[reportAttributeAccessIssue]


def test_objects_are_replaced_in_one_place() -> None:
    """The only object that is ever written over is the rendered view of a trail, whose parts hold the truth."""
    found = [
        f"{path.name}:{function.name}"
        for path in python("packages/atdm-server/src")
        for function in functions_of(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and node.attr == "replace" and _is_store(node.value)
    ]
    assert found == ["audit_log.py:_render"]


def _is_store(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and "store" in node.attr


def test_no_store_can_delete() -> None:
    """The object store's seam has no method that deletes, so nobody can delete a trail through it."""
    (path,) = (path for path in python("packages/atdm-server/src") if path.name == "objects.py")
    (seam,) = (n for n in tree_of(path).body if isinstance(n, ast.ClassDef) and n.name == "ObjectStore")
    methods = {n.name for n in seam.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))}
    assert methods
    assert not [name for name in methods if re.match(r"delete|remove|clear|purge", name)]

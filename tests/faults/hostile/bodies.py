"""Bodies that are no request: wrong types, bad JSON, other encodings, too much, too deep."""

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any, Final

from tests.faults.hostile.victim import ADMIN, JSON, Attempt
from tests.faults.hostile.wire import Header

REQUESTS: Final = "/test-data/requests"
RESET: Final = "/test-data/runs/nobody/reset"
EXTEND: Final = "/test-data/runs/nobody/extend"
SNAPSHOT: Final = "/test-data/baseline/snapshot"
RESTORE: Final = "/test-data/baseline/restore"
LIMIT: Final = 256 * 1024  # bytes

SCENARIO: Final = "active_member_clean"
NOWHERE: Final[dict[str, Any]] = {"scenario": "there_is_no_such_scenario"}


def attempt(kind: str, name: str, body: bytes, *, target: str = REQUESTS, **more: Any) -> Attempt:
    """A body that is sent with the token that may do everything."""
    headers: list[Header] = [ADMIN, *more.pop("headers", [JSON])]
    return Attempt(kind=kind, name=name, method="POST", target=target, headers=headers, body=body, **more)


def said(kind: str, name: str, value: Any, *, target: str = REQUESTS, **more: Any) -> Attempt:
    """A value that is sent as JSON."""
    return attempt(kind, name, json.dumps(value).encode(), target=target, **more)


WRONG: Final[dict[str, list[Any]]] = {
    "scenario": [None, True, 5, [], {}, "", "x" * 129, ["active_member_clean"]],
    "domain": [True, 5, [], {}, "", "x" * 129],
    "constraints": [None, True, 5, "", [], [["member_status", "active"]], {"member_status": []}, {"member_status": {}}],
    "seed": ["7", True, -1, 2**53, 2**64, 10**100, 1.5, ["7"], [-1], [2**53], [1.5], [0] * 1001, {}, ""],
    "delivery": [None, True, "", [], {"seed_target": 0}, {"seed_target": "true"}, {"cleanup_strategy": "never"}],
    "as_of": ["", "yesterday", "2026-13-01", "2026-02-30", "20260704", "-0001-01-01", "2026-07-04T00:00:00Z", 20260704],
    "ttl_seconds": [0, -1, 31_536_001, 2**63, "60", 1.5, True, []],
    "__proto__": [{}],
    "$ref": ["#/"],
    "scenario\u0000": ["x"],
}
"""For each field of a request, what it cannot be."""


def wrong_fields() -> Iterator[Attempt]:
    """Every field with every value that it cannot have."""
    for field, values in WRONG.items():
        for value in values:
            body = {"scenario": SCENARIO, field: value}
            yield said("body: wrong field", f"{field!r}={json.dumps(value)[:40]}", body, expected=(400,))


CONSTRAINTS: Final[list[tuple[str, Any]]] = [
    ("member_status", "ACTIVE"),
    ("member_status", "active "),
    ("member_status", "active\u0000"),
    ("member_status", "\u0430ctive"),  # a Cyrillic letter
    ("member_status", "acti\u200bve"),
    ("member_status", "x" * 100_000),
    ("member_status", None),
    ("member_status", True),
    ("member_status", 1),
    ("member_status", 1e308),
    ("member_status", 10**400),
    ("member_status", 0.1),
    ("member_status", "<script>alert(1)</script>"),
    ("member_status", "'; DROP TABLE member; --"),
    ("denial_reason", 5),
    ("denial_reason", False),
    ("denial_reason", "a\u0000b"),
    ("denial_reason", "\u0000"),
    ("", "x"),
    ("\u0000", "x"),
    ("x" * 100_000, "x"),
    ("__class__", "x"),
    ("member_status ", "active"),
    ("{{7*7}}", "x"),
    ("%s%n", "x"),
]
"""Names and values that no constraint has."""


def wrong_constraints() -> Iterator[Attempt]:
    """Constraints that do not exist, or cannot have that value."""
    for name, value in CONSTRAINTS:
        body = {"scenario": SCENARIO, "constraints": {name: value}}
        told = f"{name[:20]!r}={json.dumps(value)[:30]}"
        yield said("body: wrong constraint", told, body, expected=(400, 422))
    many = {"scenario": SCENARIO, "constraints": {f"c{i}": "x" for i in range(15_000)}}
    yield said("body: wrong constraint", "15,000 of them", many, expected=(422,))


MALFORMED: Final[dict[str, bytes]] = {
    "nothing": b"",
    "a blank": b" ",
    "half a brace": b"{",
    "truncated in a name": b'{"scen',
    "truncated in a text": b'{"scenario": "act',
    "truncated in an escape": b'{"scenario": "\\u00',
    "two values": b'{"scenario": "x"} {"scenario": "y"}',
    "a comma too many": b'{"scenario": "x",}',
    "single quotes": b"{'scenario': 'x'}",
    "bare names": b"{scenario: 1}",
    "a comment": b'{"scenario": "x" /* no */}',
    "NaN": b'{"scenario": "x", "seed": NaN}',
    "Infinity": b'{"scenario": "x", "seed": Infinity}',
    "minus Infinity": b'{"scenario": "x", "seed": -Infinity}',
    "1e400": b'{"scenario": "x", "seed": 1e400}',
    "minus 1e400 for a constraint": b'{"scenario": "x", "constraints": {"a": -1e400}}',
    "1e400 in an unknown field": b'{"scenario": "x", "a": 1e400}',
    "an exponent of 1,000 digits": b'{"scenario": "x", "seed": 1e' + b"9" * 1000 + b"}",
    "100,000 digits": b'{"scenario": "x", "seed": ' + b"9" * 100_000 + b"}",
    "100,000 digits after the point": b'{"scenario": "x", "seed": 1.' + b"1" * 100_000 + b"}",
    "a leading zero": b'{"scenario": "x", "seed": 01}',
    "hexadecimal": b'{"scenario": "x", "seed": 0x10}',
    "a plus sign": b'{"scenario": "x", "seed": +1}',
    "a line break in a text": b'{"scenario": "a\nb"}',
    "NUL in a text": b'{"scenario": "a\x00b"}',
    "NUL after the value": b'{"scenario": "x"}\x00',
    "control characters": b'{"scenario": "\x01\x02\x1f"}',
    "half a surrogate pair": b'{"scenario": "\\ud800"}',
    "surrogates in the wrong order": b'{"scenario": "\\udc00\\ud800"}',
    "surrogates as UTF-8": b'{"scenario": "\xed\xa0\x80"}',
    "bytes that are no UTF-8": b'{"scenario": "\xff\xfe"}',
    "overlong UTF-8": b'{"scenario": "\xc0\xae\xc0\xae"}',
    "a form": b"scenario=active_member_clean&seed=7",
    "XML": b"<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><r>&x;</r>",
    "YAML": b"scenario: !!python/object/apply:os.system ['true']",
    "a pickle": b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
    "a number": b"5",
    "a text": b'"active_member_clean"',
    "null": b"null",
    "a list": b"[]",
    "a list of requests": b'[{"scenario": "active_member_clean"}]',
    "an unknown field": b'{"scenario": "active_member_clean", "colour": "red"}',
    "a field in capitals": b'{"Scenario": "active_member_clean"}',
    "the same field, the second one wrong": b'{"scenario": "active_member_clean", "scenario": 5}',
    "the same field, the second one right": b'{"scenario": 5, "scenario": "active_member_clean"}',
    "the same field, both right": b'{"scenario": "active_member_clean", "scenario": "active_member_clean"}',
    "the same constraint": b'{"scenario": "x", "constraints": {"a": "y", "a": "z"}}',
}


def malformed() -> Iterator[Attempt]:
    """What is no JSON, or JSON that is no request."""
    for name, body in MALFORMED.items():
        yield attempt("body: no JSON, or no request", name, body, expected=(400,))


def other_bodies() -> Iterator[Attempt]:
    """What the other routes that take a body refuse."""
    kind = "body: of other routes"
    for target in (RESET, EXTEND):
        tokens: list[Any] = ["", None, 5, [], "x" * 256, "x" * 100_000]
        for value in ({"cleanup_token": token} for token in tokens):
            yield said(kind, f"{target} {json.dumps(value)[:40]}", value, target=target, expected=(400,))
        yield said(kind, f"{target} {{}}", {}, target=target, expected=(400,))
        yield attempt(kind, f"{target} nothing", b"", target=target, expected=(400,))
    for ttl in (0, -1, "60", 1.5, True, 2**70, None):
        value = {"cleanup_token": "x", "ttl_seconds": ttl}
        yield said(kind, f"{EXTEND} for {ttl}", value, target=EXTEND, expected=(400,))
    for target in (SNAPSHOT, RESTORE):
        names: list[Any] = ["", 5, [], "x" * 129]
        others: list[Any] = [[], 5, "golden", {"id": "golden"}, *({"baseline_id": name} for name in names)]
        for value in others:
            yield said(kind, f"{target} {json.dumps(value)[:40]}", value, target=target, expected=(400,))


def nested() -> Iterator[Attempt]:
    """Brackets and braces inside one another, where a value is expected and where none is."""
    kind = "body: nested"
    for depth in (2, 31, 32, 33, 500, 999, 1_000, 1_001, 10_000, 130_000):
        yield attempt(kind, f"{depth} lists", b"[" * depth + b"]" * depth, expected=(400,))
    for depth in (33, 1_001, 40_000):
        inner = b'{"a":' * depth + b"1" + b"}" * depth
        yield attempt(kind, f"{depth} objects", inner, expected=(400,))
        within = b'{"scenario": "x", "constraints": {"member_status": ' + inner + b"}}"
        yield attempt(kind, f"{depth} objects in a constraint", within[:LIMIT], expected=(400,))
    yield attempt(kind, "200,000 brackets that nobody closes", b"[" * 200_000, expected=(400,))


CODINGS: Final = ["utf-16", "utf-16-le", "utf-32", "utf-7", "utf-8-sig", "cp500"]


def other_encodings() -> Iterator[Attempt]:
    """A good request in bytes that are not plain UTF-8, whatever the header says of them."""
    kind = "body: other encodings"
    text = json.dumps({"scenario": SCENARIO})
    for coding in CODINGS:
        body = f"+{text}".encode("utf-7") if coding == "utf-7" else text.encode(coding)
        yield attempt(kind, coding, body, expected=(400,))
        named: Header = ("Content-Type", f"application/json; charset={coding}")
        yield attempt(kind, f"{coding}, and says so", body, headers=[named], expected=(400, 415))
    bomb = gzip.compress(b" " * 100_000_000 + text.encode(), mtime=0)
    for coding, body in (
        ("gzip", gzip.compress(text.encode(), mtime=0)),
        ("gzip", bomb),
        ("gzip, gzip", gzip.compress(bomb, mtime=0)),
        ("deflate", zlib.compress(text.encode())),
        ("br", b"\x0b\x02\x80"),
        ("zstd", b"\x28\xb5\x2f\xfd"),
    ):
        coded: list[Header] = [JSON, ("Content-Encoding", coding)]
        yield attempt(kind, f"{coding}, {len(body):,} bytes", body, headers=coded, expected=(400,))


def kinds() -> Iterator[Attempt]:
    """A good request that says to be something else."""
    text = json.dumps({"scenario": SCENARIO}).encode()
    for said_kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonx",
        "application/json, text/plain",
        "text/json",
        "*/*",
        "",
        "x" * 5_000,
        "application/\xefson",
        "application/msgpack",
    ):
        yield attempt("body: other kinds", said_kind[:40], text, headers=[("Content-Type", said_kind)], expected=(415,))


def too_much() -> Iterator[Attempt]:
    """Bodies around the limit of 256 KiB, with and without a declared length."""
    kind = "body: too much"
    text = json.dumps(NOWHERE).encode()
    chunked: list[Header] = [JSON, ("Transfer-Encoding", "chunked")]
    for size, expected in ((LIMIT, 404), (LIMIT + 1, 413), (2 * LIMIT, 413), (40 * LIMIT, 413)):
        body = text + b" " * (size - len(text))
        yield attempt(kind, f"{size:,} bytes", body, expected=(expected,))
        yield attempt(kind, f"{size:,} bytes in chunks", in_chunks(body, 8_000), headers=chunked, expected=(expected,))
    yield attempt(kind, "chunks of one byte", in_chunks(text, 1), headers=chunked, expected=(404,))
    for length in ("262145", "99999999999", "9223372036854775807"):
        declared = [JSON, ("Content-Length", length)]
        yield attempt(kind, f"{length} bytes declared, few sent", text, headers=declared, expected=(413,))
    tokenless = Attempt(kind=kind, name="without a token", method="POST", target=REQUESTS, body=b"x" * 40 * LIMIT)
    yield tokenless


def in_chunks(body: bytes, size: int) -> bytes:
    """A body as chunks."""
    pieces = (body[start : start + size] for start in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


BODIES: Final = [
    *wrong_fields(),
    *wrong_constraints(),
    *malformed(),
    *other_bodies(),
    *nested(),
    *other_encodings(),
    *kinds(),
    *too_much(),
]

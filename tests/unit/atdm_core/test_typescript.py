"""TypeScript modules."""

from atdm_core import Entity, Flag, Integer, Key, OneOf, Text
from atdm_core.typescript import typescript_module

CLEANUP = {"cleanup_token": "t", "endpoint": "/r", "expires_at": None}


def test_the_type_of_a_module() -> None:
    """A module's type names the scenario, the keys of its data, and the columns of each table with what they hold."""
    thing = Entity(
        name="odd thing",
        key="thing_id",
        columns={
            "thing_id": Key(),
            "2nd name": Text(nullable=True),
            "size": OneOf(allowed=("s", 'x"l'), nullable=True),
            "count": Integer(),
            "new": Flag(),
        },
    )
    row = {"thing_id": "t-1", "2nd name": None, "size": 'x"l', "count": 2, "new": True, "test_run_id": "r"}
    content = {
        "scenario_id": "odd",
        "test_run_id": "r",
        "data": {"thing_id": "t-1"},
        "cleanup": CLEANUP,
        "records": {"odd thing": [row]},
    }
    head, _, literal = typescript_module(content, [thing]).partition("export const scenario: Scenario = ")
    assert head == (
        "/** Test data of one run, made by ATDM. */\n"
        "\n"
        "/** The rows of a table; there is always a first one. */\n"
        "export type Rows<Row> = [Row, ...Row[]];\n"
        "\n"
        "export interface Scenario {\n"
        '  scenario_id: "odd";\n'
        "  test_run_id: string;\n"
        "  /** The key of each entity's first row, and of all its rows where there are several. */\n"
        "  data: {\n"
        "    thing_id: string;\n"
        "  };\n"
        "  /** How to take the run back. */\n"
        "  cleanup: { cleanup_token: string; endpoint: string; expires_at: string | null };\n"
        "  /** The rows by table. */\n"
        "  records: {\n"
        '    "odd thing": Rows<{\n'
        "      thing_id: string;\n"
        '      "2nd name": string | null;\n'
        '      size: "s" | "x\\"l" | null;\n'
        "      count: number;\n"
        "      new: boolean;\n"
        "      test_run_id: string;\n"
        "    }>;\n"
        "  };\n"
        "}\n"
        "\n"
    )
    assert literal.startswith('{\n  "scenario_id": "odd",\n')


def test_a_module_without_records() -> None:
    """Where the rows were not asked for, the type has none."""
    content = {"scenario_id": "odd", "test_run_id": "r", "data": {}, "cleanup": CLEANUP}
    assert "ecords" not in typescript_module(content, [])

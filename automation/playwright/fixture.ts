import { readFileSync } from "node:fs";

/** What `atdm request ... --playwright --records` leaves in its JSON file. */
export interface Fixture {
  scenario_id: string;
  test_run_id: string;
  /** The key of each entity's first row, by name: `member_id`, `claim_id`, ... */
  data: Record<string, string>;
  cleanup: { cleanup_token: string; endpoint: string; expires_at: string | null };
  /** The rows by table; there only if they were asked for. */
  records?: Record<string, Record<string, string | null>[]>;
}

/** The fixture of the file that FIXTURE_PATH names. */
export function readFixture(): Fixture {
  const path = process.env.FIXTURE_PATH;
  if (!path) {
    throw new Error("set FIXTURE_PATH to a fixture of `atdm request SCENARIO --playwright --records`");
  }
  return JSON.parse(readFileSync(path, "utf8")) as Fixture;
}

/** The first row that the run wrote into a table. */
export function row(fixture: Fixture, table: string): Record<string, string | null> {
  const first = fixture.records?.[table]?.[0];
  if (!first) {
    throw new Error(`the fixture of run ${fixture.test_run_id} has no row of ${table}; ask for it with --records`);
  }
  return first;
}

"""How fast volumes are made, beside the bare libraries and other makers of data. `make bench` runs it.

Everybody makes the same members (eleven columns) into zstd Parquet, on one core, in this one run. ATDM makes the plan
of each member beside it, since a member needs one, checks every row and column, and so does the bare limit: numpy for
the numbers and pyarrow for the rest, with nothing checked. What counts is processor time, so that it means something on
a machine that others use too; the ratios travel between machines, the figures do not.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from faker import Faker
from mimesis import Generic
from msgspec.structs import replace
from polyfactory.factories import DataclassFactory

from atdm_core import Scenario, Step, references
from atdm_core.volume import Volume, shards_of
from atdm_healthcare import PACK, pools
from atdm_server.volume.files import encode_shard

ROWS = 400_000
SLOW_ROWS = 4_000  # of those that go row by row
RUN = "01J00000000000000000000000"
AS_OF = date(2026, 7, 4)
BLOCK = 50_000
RULE = references("bench.member_has_plan", over="member", column="plan_id", entity="plan")
MEMBERS = Scenario(
    scenario_id="members",
    description="Members and their plans.",
    generators=(Step("generate_plan"), Step("generate_member")),
    validators=(RULE.name,),
    linked_requirement_ids=(),
)
BENCH_PACK = replace(
    PACK, scenarios={**PACK.scenarios, "members": MEMBERS}, validators={**PACK.validators, RULE.name: RULE}
)


def atdm(rows: int, mix: Mapping[str, int] = MappingProxyType({"members": 1})) -> int:
    """A volume of one shard; returns the size of its files, as all makers do."""
    volume = Volume(
        domain=PACK.name,
        pack_version=PACK.version,
        mix=mix,
        count=rows,
        shard_size=rows,
        seed=1,
        as_of=AS_OF,
        run_id=RUN,
    )
    (shard,) = shards_of(volume, BENCH_PACK)
    return sum(data.nbytes for _, data in encode_shard(volume, BENCH_PACK, shard).values())


def bare(rows: int) -> int:
    """The same two tables by numpy and pyarrow alone, as fast as they can."""
    random = np.random.default_rng(1)
    texts = {name: pa.array(getattr(pools, name).values) for name in pools.__all__}

    def coded(dictionary: pa.Array) -> pa.Array:
        codes = random.integers(0, len(dictionary), BLOCK, dtype=np.int32)
        return pa.DictionaryArray.from_arrays(codes, dictionary, safe=False)

    def constant(text: str) -> pa.Array:
        return pa.DictionaryArray.from_arrays(np.zeros(BLOCK, np.int32), pa.array([text]), safe=False)

    def day(low: int, high: int) -> pa.Array:
        return pa.array((np.datetime64(AS_OF) + random.integers(low, high, BLOCK)).astype("datetime64[D]"))

    def keys(stem: str, start: int) -> pa.Array:
        ordinals = pa.array(np.arange(start, start + BLOCK)).cast(pa.string())
        return pc.binary_join_element_wise(pa.scalar(f"{stem}-{RUN}"), ordinals, "-")

    def blocks() -> Iterator[tuple[pa.Table, pa.Table]]:
        for start in range(0, rows, BLOCK):
            plan_id, run = keys("plan", start), constant(RUN)
            plan = {
                "plan_id": plan_id,
                "name": coded(texts["PLANS"]),
                "coverage_type": coded(pa.array(["hmo", "ppo", "epo", "pos"])),
                "effective_date": day(-3650, -400),
                "test_run_id": run,
            }
            number = pa.array(random.integers(1, 1000, BLOCK)).cast(pa.string())
            member = {
                "member_id": keys("m", start),
                "status": constant("active"),
                "first_name": coded(texts["FIRST_NAMES"]),
                "last_name": coded(texts["LAST_NAMES"]),
                "date_of_birth": day(-90 * 365, -18 * 366),
                "address_line1": pc.binary_join_element_wise(number, coded(texts["STREETS"]).cast(pa.string()), " "),
                "address_city": coded(texts["CITIES"]),
                "address_state": constant("ZZ"),
                "address_zip": coded(texts["ZIPS"]),
                "plan_id": plan_id,
                "test_run_id": run,
            }
            yield pa.table(plan), pa.table(member)

    return _parquet(blocks())


def _parquet(blocks: Iterator[tuple[pa.Table, ...]]) -> int:
    sinks: list[pa.BufferOutputStream] = []
    writers: list[pq.ParquetWriter] = []
    for tables in blocks:
        if not writers:
            sinks = [pa.BufferOutputStream() for _ in tables]
            few = [[f.name for f in table.schema if pa.types.is_dictionary(f.type)] for table in tables]
            writers = [
                pq.ParquetWriter(sink, table.schema, compression="zstd", use_dictionary=names, write_statistics=False)
                for sink, table, names in zip(sinks, tables, few, strict=True)
            ]
        for writer, table in zip(writers, tables, strict=True):
            writer.write_table(table)
    for writer in writers:
        writer.close()
    return sum(sink.getvalue().size for sink in sinks)


def row_by_row(make: Callable[[int], dict[str, Any]], rows: int) -> int:
    """Whatever makes one row at a time, into Parquet."""
    return _parquet(iter([(pa.Table.from_pylist([make(number) for number in range(rows)]),)]))


def mimesis(rows: int) -> int:
    """Members by mimesis."""
    generic = Generic(seed=1)

    def member(number: int) -> dict[str, Any]:
        return _member(
            number,
            first=generic.person.first_name(),
            last=generic.person.last_name(),
            born=generic.person.birthdate(1936, 2008),
            line=generic.address.address(),
            city=generic.address.city(),
        )

    return row_by_row(member, rows)


def faker(rows: int) -> int:
    """Members by Faker."""
    fake: Any = Faker()
    fake.seed_instance(1)

    def member(number: int) -> dict[str, Any]:
        return _member(
            number,
            first=fake.first_name(),
            last=fake.last_name(),
            born=fake.date_of_birth(),
            line=fake.street_address(),
            city=fake.city(),
        )

    return row_by_row(member, rows)


@dataclass
class Member:
    """What polyfactory makes; its texts are random letters."""

    member_id: str
    status: str
    first_name: str
    last_name: str
    date_of_birth: date
    address_line1: str
    address_city: str
    address_state: str
    address_zip: str
    plan_id: str
    test_run_id: str


class MemberFactory(DataclassFactory[Member]):
    """Makes members."""


def polyfactory(rows: int) -> int:
    """Members by polyfactory."""
    MemberFactory.seed_random(1)
    return row_by_row(lambda number: vars(MemberFactory.build()), rows)


def by_duckdb(rows: int) -> int:
    """Members by DuckDB, from the same pools."""
    texts = [list(getattr(pools, name).values) for name in ("FIRST_NAMES", "LAST_NAMES", "STREETS", "CITIES", "ZIPS")]
    with TemporaryDirectory() as folder, duckdb.connect(config={"threads": 1}) as database:
        file = Path(folder, "members.parquet")
        database.execute("CREATE TABLE pools AS SELECT ? a, ? b, ? c, ? d, ? e", texts)
        database.execute(
            f"""
            COPY (
                SELECT 'm-{RUN}-' || range AS member_id, 'active' AS status,
                    a[1 + (random() * len(a))::INT % len(a)] AS first_name,
                    b[1 + (random() * len(b))::INT % len(b)] AS last_name,
                    DATE '{AS_OF}' - (6588 + random() * 26262)::INT AS date_of_birth,
                    (1 + random() * 998)::INT || ' ' || c[1 + (random() * len(c))::INT % len(c)] AS address_line1,
                    d[1 + (random() * len(d))::INT % len(d)] AS address_city, 'ZZ' AS address_state,
                    e[1 + (random() * len(e))::INT % len(e)] AS address_zip,
                    'plan-{RUN}-' || range AS plan_id, '{RUN}' AS test_run_id
                FROM range({rows}), pools
            ) TO '{file}' (FORMAT parquet, COMPRESSION zstd)
            """
        )
        return file.stat().st_size


def _member(number: int, *, first: str, last: str, born: date, line: str, city: str) -> dict[str, Any]:
    return {
        "member_id": f"m-{RUN}-{number}",
        "status": "active",
        "first_name": f"FAKE_{first}",
        "last_name": f"FAKE_{last}",
        "date_of_birth": born,
        "address_line1": f"FAKE_{line}",
        "address_city": f"FAKE_{city}",
        "address_state": "ZZ",
        "address_zip": f"{number % 100:05}",
        "plan_id": f"plan-{RUN}-{number}",
        "test_run_id": RUN,
    }


def speed(make: Callable[[int], int], rows: int) -> float:
    """Rows for each second of processor time, the best of three."""
    seconds: list[float] = []
    make(rows // 10)
    for _ in range(3):
        started = time.process_time()
        make(rows)
        seconds.append(time.process_time() - started)
    return rows / min(seconds)


def main() -> None:
    """Measure and print."""
    limit = speed(bare, ROWS)
    ours = speed(atdm, ROWS)
    print(f"{'members into zstd Parquet':28}{'rows/s of one core':>20}{'ATDM is':>12}")
    print(f"{'numpy + pyarrow, the limit':28}{limit:>20,.0f}{ours / limit:>10.2f} x")
    print(f"{'ATDM, validated':28}{ours:>20,.0f}")
    others = {"DuckDB": (by_duckdb, ROWS), "mimesis": (mimesis, SLOW_ROWS), "polyfactory": (polyfactory, SLOW_ROWS)}
    for name, (make, rows) in {**others, "Faker": (faker, SLOW_ROWS)}.items():
        theirs = speed(make, rows)
        print(f"{name:28}{theirs:>20,.0f}{ours / theirs:>10.1f} x")
    mixed = speed(lambda rows: atdm(rows, {"active_member_clean": 70, "claim_denial_active_member": 30}), ROWS // 2)
    print(f"whole bundles, 70 to 30: {mixed:,.0f} bundles/s, {5 * mixed:,.0f} rows/s of one core")


if __name__ == "__main__":
    main()

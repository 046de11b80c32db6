"""Tables in parts: rows go to the table that has the partitions, and must fit one of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp

from atdm_ddl.identifiers import name_of
from atdm_ddl.operands import text_of
from atdm_ddl.schema import Table

__all__ = ["Partitions"]


@dataclass
class Partitions:
    """The bounds of a table's partitions; `column`: what lists of values are of, "" where it is parted otherwise."""

    column: str
    bounds: list[exp.Expr] = field(default_factory=list[exp.Expr])

    @classmethod
    def of(cls, create: exp.Create) -> "Partitions | None":
        """Those of a table that is being created; None where it is not parted."""
        parted = create.find(exp.PartitionedByProperty)
        if parted is None:
            return None
        columns: Sequence[exp.Expr] = parted.this.expressions if isinstance(parted.this, exp.List) else ()
        return cls(name_of(columns[0]) if len(columns) == 1 and isinstance(columns[0], exp.Column) else "")

    def fit(self, table: Table) -> str:
        """Keep the table's rows to its partitions; what to tell where that cannot be done, else ""."""
        if not self.bounds:
            return f"{table.name}: it has no partition, so the database takes no row."
        if any(isinstance(bound, exp.Var) or bound.args.get("expression") for bound in self.bounds):
            return ""  # one takes all others, or a hash finds one for every row
        column = table.columns.get(self.column)
        texts = [text_of(value) for bound in self.bounds for value in bound.args.get("this") or ()]
        if column is not None and column.type == "text" and texts:
            told = [text for text in texts if text is not None]
            column.allowed = tuple(text for text in column.allowed or told if text in told)
            return ""
        if self._leaves_no_gap():
            return ""
        listed = ", ".join(bound.sql(dialect="postgres", comments=False) for bound in self.bounds)
        return f"{table.name}: every row must fit a partition: {listed}."

    def _leaves_no_gap(self) -> bool:
        """Whether ranges reach from one end to the other, each beginning where another ends."""
        first, last = ({_ends(bound, end) for bound in self.bounds} for end in ("from_expressions", "to_expressions"))
        return first - last == {("MINVALUE",)} and last - first == {("MAXVALUE",)}


def _ends(bound: exp.Expr, end: str) -> tuple[str, ...]:
    return tuple(value.sql(dialect="postgres") for value in bound.args.get(end) or ())

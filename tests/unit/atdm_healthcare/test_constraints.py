"""The eight knobs of the domain."""

from atdm_healthcare import PACK

KNOBS = {
    "member_status": (["active", "inactive"], "active"),
    "provider_network": (["in_network", "out_of_network"], "in_network"),
    "eligibility_status": (["active", "inactive", "expired"], "active"),
    "eligibility_window": (["current", "expired_last_year", "future"], "current"),
    "claim_status": (["paid", "denied", "pending"], "paid"),
    "procedure_code": (["99213", "99214", "70553", "00000"], "99213"),
    "diagnosis_code": (["Z00.00", "M54.5", "R51", "ZZZ.99"], "Z00.00"),
    "denial_reason": (
        [
            None,
            "invalid_procedure_code",
            "invalid_diagnosis_code",
            "eligibility_expired",
            "out_of_network",
            "duplicate_claim",
        ],
        None,
    ),
}


def test_the_constraints_are_exactly_the_eight() -> None:
    """The pack has the contract's eight constraints with their allowed values and defaults, and no other."""
    assert {name: (list(c.allowed or ()), c.default) for name, c in PACK.constraints.items()} == KNOBS


def test_every_constraint_is_described() -> None:
    """A user reads what a constraint means in one sentence."""
    assert all(c.description.endswith(".") for c in PACK.constraints.values())


def test_every_constraint_is_used() -> None:
    """No constraint is without effect: some generator asks for each."""
    from atdm_core import Draw, SeededSource, Table
    from tests.unit.atdm_healthcare.plans import AS_OF

    class Noted(dict[str, object]):
        """Constraints that remember who asked for them."""

        def __getitem__(self, name: str) -> object:
            asked.add(name)
            return super().__getitem__(name)

    asked: set[str] = set()
    made: dict[str, list[Table]] = {}
    for generator in PACK.generators.values():
        constraints = Noted({c.name: c.default for c in PACK.constraints.values()} | {"claim_status": "denied"})
        draw = Draw(
            SeededSource(1),
            entity=generator.entity,
            rows=range(1),
            as_of=AS_OF,
            run_id="run",
            constraints=constraints,
            made=made,
        )
        columns = generator.function(draw)
        key = PACK.entities[generator.entity].key
        made[generator.entity] = [Table(PACK.entities[generator.entity], {key: draw.key("k")})]
        assert columns
    assert asked == set(KNOBS)

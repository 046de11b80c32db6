"""Make the healthcare pack's pools with mimesis and write them to its `pools.json`.

Run it when the pack gets a new version, never within one: the order and the content of the pools are part of what a
seed means. Usage: python scripts/build_healthcare_pools.py
"""

import json
from collections.abc import Callable
from pathlib import Path

from mimesis import Generic, Locale

from atdm_core.lifelike import lifelike_shape

POOLS = Path(__file__).parents[1] / "packages/atdm-healthcare/src/atdm_healthcare/pools.json"
SEED = 20260704


def distinct(make: Callable[[], str], count: int) -> list[str]:
    """`count` different marked texts, in the order they came."""
    found: dict[str, None] = {}
    for _ in range(count * 50):
        found[f"FAKE_{make()}"] = None
        if len(found) == count:
            return list(found)
    raise SystemExit(f"mimesis makes only {len(found)} different values where {count} are wanted")


def main() -> None:
    """Write the file."""
    fake = Generic(Locale.EN, seed=SEED)
    number = iter(range(10**9))
    numbers = (f"FAKE_9{next(number) * 7919 % 10**9:09d}" for _ in range(2000))
    kinds = ("Clinic", "Health Center", "Medical Group", "Family Practice")
    tiers = ("Bronze", "Silver", "Gold", "Platinum")
    pools = {
        "cities": distinct(fake.address.city, 200),
        "clinics": distinct(lambda: f"{fake.person.last_name()} {fake.random.choice(kinds)}", 300),
        "first_names": distinct(fake.person.first_name, 400),
        "last_names": distinct(fake.person.last_name, 800),
        "plans": distinct(lambda: f"{fake.text.color()} {fake.random.choice(tiers)} Plan", 40),
        "provider_numbers": [text for text in numbers if lifelike_shape(text) is None][:1000],
        "streets": distinct(fake.address.street_name, 500),
        "zips": [f"000{number:02d}" for number in range(100)],
    }
    POOLS.write_text(json.dumps(pools, indent=1, ensure_ascii=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

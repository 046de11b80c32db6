"""Shapes that belong to real people: text with one of them never leaves a generator.

Synthetic data is marked `FAKE_`; this is the second net, for digits that would pass as a card, a social security
number or a provider number wherever they stand.
"""

import re
from collections.abc import Iterator
from itertools import combinations

__all__ = ["lifelike_shape", "luhn_valid"]

_SSN = re.compile(r"(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_GROUPS = re.compile(r"\d+(?:[ -]\d+)*")
_NPI_PREFIX = (
    "80840"  # a National Provider Identifier carries its check digit as if this stood before it (45 CFR 162.406)
)


def luhn_valid(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit) * (1 + place % 2)
        total += number - 9 if number > 9 else number
    return total % 10 == 0


def lifelike_shape(text: str) -> str | None:
    """What `text` would pass as ("a card number", …), or None when it passes as nothing real."""
    if _SSN.search(text):
        return "a social security number"
    for digits in _numbers(text):
        if len(digits) == 10 and (luhn_valid(_NPI_PREFIX + digits) or luhn_valid(digits)):
            return "a provider number (NPI)"
        if 13 <= len(digits) <= 19 and luhn_valid(digits):
            return "a card number"
    return None


def _numbers(text: str) -> Iterator[str]:
    """Every number a reader could see: groups of digits alone and joined, as '12 1234567893' holds a number and 12."""
    for match in _GROUPS.finditer(text):
        groups = re.split(r"[ -]", match.group())
        for first, last in combinations(range(len(groups) + 1), 2):
            yield "".join(groups[first:last])

"""Packs that tests install. Their own tests need them installed, so they are run where they are."""

from collections.abc import Generator

import pytest

from tests.docs.how_to import Checkout, checkout

collect_ignore = ["atdm-shop"]


@pytest.fixture(scope="package")
def atdm(tmp_path_factory: pytest.TempPathFactory) -> Generator[Checkout]:
    """A checkout with an environment of its own, into which packs are installed."""
    with checkout(
        tmp_path_factory.mktemp("packs") / "atdm", "infra", "packages", "pyproject.toml", "sut", "tools", ".tools"
    ) as made:
        made.own_program()
        yield made

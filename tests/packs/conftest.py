"""Packs that tests install. Their own tests need them installed, so they are run where they are."""

collect_ignore = ["atdm-shop"]

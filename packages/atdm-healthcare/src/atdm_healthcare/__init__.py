"""The healthcare pack: plans, providers, members, eligibility and claims that are never real."""

from atdm_healthcare.pack import PACK

__all__ = ["PACK"]

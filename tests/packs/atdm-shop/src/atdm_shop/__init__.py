"""The shop pack."""

from atdm_shop.pack import PACK

__all__ = ["PACK"]

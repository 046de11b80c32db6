"""The shop pack keeps the contract of packs."""

from atdm_core.testing import PackContract
from atdm_shop import PACK


class TestShop(PackContract):
    pack = PACK

"""What tests of ATDM, of packs and of targets are made of: real fakes in memory, and the suites that others inherit."""

from atdm_core.testing.memory import MemoryBaselines, MemoryCatalog, MemoryClaims, MemoryLog
from atdm_core.testing.memory_target import MemoryTarget
from atdm_core.testing.mutation import Mutation, mutate, mutation
from atdm_core.testing.pack_contract import PackContract
from atdm_core.testing.target_contract import TargetContract

__all__ = [
    "MemoryBaselines",
    "MemoryCatalog",
    "MemoryClaims",
    "MemoryLog",
    "MemoryTarget",
    "Mutation",
    "PackContract",
    "TargetContract",
    "mutate",
    "mutation",
]

"""The whole database at once: exported and restored as a stream of Arrow batches."""

from target_healthcare.baseline.database import Database, DigestAnswer, RestoreAnswer
from target_healthcare.baseline.frames import MEDIA_TYPE, require_version

__all__ = ["MEDIA_TYPE", "Database", "DigestAnswer", "RestoreAnswer", "require_version"]

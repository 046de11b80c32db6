"""Where trails, the catalog and idempotency keys live: objects that are created and never edited."""

from atdm_server.store.audit_log import ObjectAuditLog
from atdm_server.store.baselines import ObjectBaselines
from atdm_server.store.catalog import ObjectCatalog
from atdm_server.store.claims import ObjectClaims
from atdm_server.store.disk import DiskStore
from atdm_server.store.objects import ObjectStore, open_stores
from atdm_server.store.probe import probe_stores
from atdm_server.store.remote import RemoteStore

__all__ = [
    "DiskStore",
    "ObjectAuditLog",
    "ObjectBaselines",
    "ObjectCatalog",
    "ObjectClaims",
    "ObjectStore",
    "RemoteStore",
    "open_stores",
    "probe_stores",
]

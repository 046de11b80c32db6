"""Objects in any S3-compatible store, through obstore."""

import asyncio
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from atdm_core.errors import StoreUnavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

__all__ = ["RemoteStore"]

# By default a request is tried eleven times, for up to three minutes, while somebody waits for an answer.
_RETRY: Final["RetryConfig"] = {"max_retries": 4, "retry_timeout": timedelta(seconds=10)}
# By default an answer that never comes is waited for half a minute, and with it every request behind the same PUT.
_ANSWER: Final = timedelta(seconds=5)
_CONNECT: Final = timedelta(seconds=3)
_PAGE: Final = 1000  # keys; S3 gives no more at once


class RemoteStore:
    """The objects below an `s3://` URL. Credentials, endpoint and region come from the usual `AWS_*` variables."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._store = from_url(self._url, client_options=_client(os.environ), retry_config=_RETRY)

    @property
    def url(self) -> str:
        """See `ObjectStore.url`."""
        return self._url

    async def create(self, key: str, data: bytes) -> bool:
        """See `ObjectStore.create`."""
        try:
            await obstore.put_async(self._store, key, data, mode="create")
        except AlreadyExistsError:
            # The answer to a retry of our own write, too: what is stored decides.
            return await self.get(key) == data
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error
        return True

    async def create_from_file(self, key: str, path: Path) -> bool:
        """See `ObjectStore.create_from_file`.

        A multipart upload cannot be conditional everywhere, so the key is looked up first; whoever wins a race, the
        manifest that names the content's hash is created for one of them only.
        """
        try:
            if await self._head(key):
                return False
            await obstore.put_async(self._store, key, path)
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error
        return True

    async def fetch_to_file(self, key: str, path: Path) -> bool:
        """See `ObjectStore.fetch_to_file`."""
        try:
            result = await obstore.get_async(self._store, key)
            with path.open("xb") as file:
                async for chunk in result.stream():
                    await asyncio.to_thread(file.write, bytes(chunk))
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error
        return True

    async def _head(self, key: str) -> bool:
        try:
            await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        return True

    async def replace(self, key: str, data: bytes) -> None:
        """See `ObjectStore.replace`."""
        try:
            await obstore.put_async(self._store, key, data)
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    async def get(self, key: str) -> bytes | None:
        """See `ObjectStore.get`."""
        try:
            result = await obstore.get_async(self._store, key)
            return bytes(await result.bytes_async())
        except FileNotFoundError:
            return None
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    async def keys(self, prefix: str, after: str = "", limit: int | None = None) -> list[str]:
        """See `ObjectStore.keys`. S3 lists in the order of the keys, so a listing can stop early."""
        try:
            found: list[str] = []
            listing = obstore.list(self._store, prefix.rstrip("/") or None, offset=after or None, chunk_size=_PAGE)
            async for batch in listing:
                found += [meta["path"] for meta in batch]
                if limit is not None and len(found) >= limit:
                    break
            return sorted(found)[:limit]
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    async def folders(self, prefix: str) -> list[str]:
        """See `ObjectStore.folders`."""
        try:
            listing = await obstore.list_with_delimiter_async(self._store, prefix.rstrip("/") or None)
            return sorted(folder.rpartition("/")[2] for folder in listing["common_prefixes"])
        except (BaseError, OSError) as error:
            raise self._unavailable(error) from error

    async def check(self) -> None:
        """See `ObjectStore.check`."""
        await self.get("check")

    def _unavailable(self, error: Exception) -> StoreUnavailable:
        reason = str(error).strip().partition("\n")[0][:300]
        return StoreUnavailable(f"the object store at {self._url} cannot be used: {reason}")


def _client(environment: Mapping[str, str]) -> "ClientConfig":
    """How to talk to the store. To say anything here is to lose what obstore reads of this in the environment."""
    told: ClientConfig = {"connect_timeout": _CONNECT, "read_timeout": _ANSWER}
    if environment.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"):
        told["allow_http"] = True
    if environment.get("AWS_ALLOW_INVALID_CERTIFICATES", "").lower() in ("1", "true"):
        told["allow_invalid_certificates"] = True
    if proxy := environment.get("AWS_PROXY_URL"):
        told["proxy_url"] = proxy
    return told

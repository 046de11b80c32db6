"""Rows of small records as sealed Parquet bytes, and back.

Plain encoding throughout: for a few short rows, dictionaries, statistics, compression and a second copy of the schema
cost four times what the rest does, and save nothing.

The footer's key-value metadata holds a seal: the SHA-256 of the whole file with the seal itself read as zeros, so that
no byte can change unnoticed, in whatever part of the format it stands. Where a signer is given, a signature of the
file without seal and signature stands beside it, and the seal covers that too.
"""

from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["UNREADABLE", "SealBroken", "Signer", "decode_rows", "encode_rows", "read_metadata", "signed_content"]

Signer: TypeAlias = Callable[[bytes], bytes]
"""Signs a message (32 bytes); the signature has 64 bytes, as that of Ed25519."""


class SealBroken(ValueError):
    """The bytes are not those that were written."""


UNREADABLE = (pa.ArrowException, OSError, SealBroken)
"""What `decode_rows` raises when the bytes are no Parquet file of ours, or no longer what was written."""


class _Field:
    """A value of fixed width in the footer: hex digits that are put in once the rest is written."""

    def __init__(self, name: str, size: int) -> None:
        self.name = name
        self.blank = b"0" * (2 * size)
        # As Thrift's compact protocol writes it: the key, then the header and the length of the value, then the value.
        self._marker = name.encode() + b"\x18" + _varint(len(self.blank))

    def place(self, data: bytes | bytearray) -> int:
        """Where the value begins, -1 when there is none. The footer ends the file, so the last marker is ours."""
        found = data.rfind(self._marker)
        return found if found < 0 else found + len(self._marker)

    def put(self, data: bytearray, value: bytes) -> None:
        """Write the value, as hex digits or as the blank."""
        start = self.place(data)
        data[start : start + len(self.blank)] = value


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128, number >> 7])


_PLAIN: Final[Mapping[str, Any]] = {
    "compression": "none",
    "use_dictionary": False,
    "write_statistics": False,
    "store_schema": False,
}
_SEAL: Final = _Field("atdm_seal_sha256", 32)
_SIGNATURE: Final = _Field("atdm_signature_ed25519", 64)


def encode_rows(
    rows: Sequence[Mapping[str, Any]],
    schema: pa.Schema,
    metadata: Mapping[str, str] | None = None,
    signer: Signer | None = None,
) -> bytes:
    """One sealed Parquet file of the rows; `metadata` goes into its footer."""
    sink = pa.BufferOutputStream()
    structs = pa.array(rows, pa.struct(schema))  # one conversion, where one for each column takes twice as long
    with pq.ParquetWriter(sink, schema, **_PLAIN) as writer:
        writer.write_batch(pa.RecordBatch.from_struct_array(structs))
        blanks = {_SEAL.name: _SEAL.blank} | ({_SIGNATURE.name: _SIGNATURE.blank} if signer else {})
        writer.add_key_value_metadata({**(metadata or {}), **blanks})
    data = bytearray(sink.getvalue())
    if signer:
        _SIGNATURE.put(data, signer(sha256(data).digest()).hex().encode())
    _SEAL.put(data, sha256(data).hexdigest().encode())
    return bytes(data)


def decode_rows(data: bytes) -> list[dict[str, Any]]:
    """The rows of one sealed Parquet file; `UNREADABLE` when it is none, `SealBroken` when a byte was changed."""
    _check_seal(data)
    return pq.ParquetFile(pa.BufferReader(data), pre_buffer=False).read(use_threads=False).to_pylist()


def read_metadata(data: bytes) -> dict[str, str]:
    """The footer's metadata of a file that `decode_rows` has read."""
    metadata: dict[bytes, bytes] = pq.ParquetFile(pa.BufferReader(data)).metadata.metadata or {}
    return {key.decode(): value.decode() for key, value in metadata.items()}


def signed_content(data: bytes) -> tuple[bytes, bytes] | None:
    """The message that was signed and its signature, of a file that `decode_rows` has read; None without one."""
    start = _SIGNATURE.place(data)
    if start < 0:
        return None
    signature = bytes.fromhex(data[start : start + len(_SIGNATURE.blank)].decode())
    blank = bytearray(data)
    _SIGNATURE.put(blank, _SIGNATURE.blank)
    _SEAL.put(blank, _SEAL.blank)
    return sha256(blank).digest(), signature


def _check_seal(data: bytes) -> None:
    start = _SEAL.place(data)
    if start < 0:
        raise SealBroken("the file has no seal")
    end = start + len(_SEAL.blank)
    content = sha256(data[:start])
    content.update(_SEAL.blank)
    content.update(data[end:])
    if content.hexdigest().encode() != data[start:end]:
        raise SealBroken("the file was changed after it was written: its bytes do not match its seal")

"""Sealed Parquet files."""

from hashlib import sha256

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from atdm_core.parquet import SealBroken, Signer, decode_rows, encode_rows, read_metadata, signed_content

SCHEMA = pa.schema([("text", pa.string()), ("number", pa.int64())])
ROWS = [{"text": "atdm_seal_sha256\x18@" + "0" * 64, "number": 1}, {"text": None, "number": 2}]


def sign(message: bytes) -> bytes:
    """A signature of 64 bytes that anybody could make."""
    return message + message[::-1]


@pytest.mark.parametrize("signer", [None, sign])
def test_rows_survive_the_round_trip(signer: Signer | None) -> None:
    """Rows and metadata read back as they were, also where a row looks like a seal."""
    data = encode_rows(ROWS, SCHEMA, {"previous": "x"}, signer)
    assert decode_rows(data) == ROWS
    assert read_metadata(data)["previous"] == "x"


def test_the_seal_is_the_hash_of_the_file_without_it() -> None:
    """Anybody can check the seal with SHA-256 alone: the file, its seal read as zeros."""
    data = encode_rows(ROWS, SCHEMA)
    seal = read_metadata(data)["atdm_seal_sha256"]
    assert data.count(seal.encode()) == 1
    assert sha256(data.replace(seal.encode(), b"0" * 64)).hexdigest() == seal


def test_any_reader_reads_a_sealed_file() -> None:
    """The seal is metadata as others have it, and no reader stumbles over it."""
    assert pq.read_table(pa.BufferReader(encode_rows(ROWS, SCHEMA))).to_pylist() == ROWS


@pytest.mark.parametrize("signer", [None, sign])
def test_no_byte_can_change(signer: Signer | None) -> None:
    """Whichever byte is flipped, in rows, footer, seal or signature, the seal is broken."""
    data = encode_rows(ROWS[1:], SCHEMA, {"previous": "x"}, signer)
    for i in range(len(data)):
        for mask in (0x01, 0x20, 0xFF):
            with pytest.raises(SealBroken):
                decode_rows(data[:i] + bytes([data[i] ^ mask]) + data[i + 1 :])


def test_a_file_without_a_seal_is_refused() -> None:
    """A Parquet file that nobody sealed is not ours."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(ROWS[1:], schema=SCHEMA), sink)
    with pytest.raises(SealBroken, match="no seal"):
        decode_rows(sink.getvalue().to_pybytes())


def test_what_is_signed_is_the_content() -> None:
    """The signature is one of what the file says; it cannot be carried over to another file."""
    data, other = encode_rows(ROWS, SCHEMA, signer=sign), encode_rows(ROWS[1:], SCHEMA, signer=sign)
    assert encode_rows(ROWS, SCHEMA, signer=sign) == data
    signed, signed_other = signed_content(data), signed_content(other)
    assert signed
    assert signed_other
    message, signature = signed
    assert sign(message) == signature
    assert signed_other[0] != message
    assert signed_content(encode_rows(ROWS, SCHEMA)) is None

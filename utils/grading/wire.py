"""The codec: `pack` writes messages of plain values, `unpack` reads them; see `wire_format`."""

from utils.grading.wire_arrays import plain_dtype
from utils.grading.wire_decode import Decoder, unpack
from utils.grading.wire_encode import Encoder, pack
from utils.grading.wire_format import (
    MAX_BYTES,
    MAX_RECORDS,
    OBJECT,
    CannotCross,
    Heap,
    WireError,
    short,
)

__all__ = [
    "MAX_BYTES",
    "MAX_RECORDS",
    "OBJECT",
    "CannotCross",
    "Decoder",
    "Encoder",
    "Heap",
    "WireError",
    "pack",
    "plain_dtype",
    "short",
    "unpack",
]

"""The codec: `pack` writes messages of plain values, `unpack` reads them; see `codec_format`."""

from utils.grading.remote.codec_arrays import plain_dtype
from utils.grading.remote.codec_decode import Decoder, unpack
from utils.grading.remote.codec_encode import Encoder, pack
from utils.grading.remote.codec_format import (
    MAX_BYTES,
    MAX_RECORDS,
    OBJECT,
    CannotCross,
    CodecError,
    SharedObjects,
    short,
)

__all__ = [
    "MAX_BYTES",
    "MAX_RECORDS",
    "OBJECT",
    "CannotCross",
    "Decoder",
    "Encoder",
    "SharedObjects",
    "CodecError",
    "pack",
    "plain_dtype",
    "short",
    "unpack",
]

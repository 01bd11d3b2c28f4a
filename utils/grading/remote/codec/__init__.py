"""The codec: messages between the judge and a student process; plain values, no code.

Read in this order: this page; `format`, the limits and tags; `shared_objects`, the objects that
both sides know by number; `decoder` with `arrays` and `generators`, which read untrusted bytes;
last `encoder`, which reads only its own side's values.

A message carries one value. Numbers, text, tuples and the like are written inline. Mutable values
(lists, dicts, sets, bytearrays, arrays, random generators, files in memory) are sent as a *record*
with a number and keep their identity: each side has a copy under that number, and every message
brings the records of all copies that its sender has changed since its last message. So a change
that a submission makes to an argument reaches the test's own object, and vice versa. Arrays cross
whole: two that overlap in memory become two separate copies on the other side. Whatever is not
plain (a function, a class, an instance) stays where it is; the other side gets its number and a
description and makes a proxy.

    message    u32 n, n numbers (u64) that the sender no longer uses
               u32 n, n records
               one value
    record     u64 number, u8 kind, u8 flags, u64 size, content of that many bytes

    kind             content (all numbers are little-endian)
    LIST, SET, DEQUE         values
    DICT, ORDERED, COUNTER   values: each key followed by its value
    DEFAULT          values: the default factory, then as DICT
    BYTEARRAY        the bytes
    STRINGS, BINARY  values: the content of the file in memory, and its position
    ARRAY            dtype, u8 d, d times u64 (the shape), the numbers in C order
    GENERATOR        values: name of the generator, and the numbers of its state
    OBJECT           value: a description, always a tuple; the object itself stays where it is

    values           u32 n, n times a value
    dtype            u8 n, n bytes of text
    value            a u8 tag, then
    one of CONSTANTS                   nothing
    INT, FLOAT, COMPLEX                i64; f64; two f64
    BIG_INT, TEXT, BYTES, NAMED        u32 n, n bytes: two's complement; UTF-8; bytes; UTF-8
    TUPLE, FROZENSET, SLICE, RANGE     values; for the last two start, stop and step
    SCALAR, DTYPE                      dtype; for a scalar also its bytes
    REBUILT                            values: a name in REBUILD, and the arguments for it
    SHARED                             u64 number

What the decoder guarantees, whatever the bytes are:

1. Every byte is read by `Decoder.take` or `Decoder.number`, which compare a size with the number of
   bytes left. They see one record at a time, so no read goes past the record's end.
2. NumPy gets no pointer, offset or stride from a message: only a dtype whose text matches
   `DTYPE_TEXT` (numbers, text, times; no objects, no structures), a shape whose size was computed
   in Python integers, and exactly that many bytes, checked to be valid for the dtype.
3. New memory is filled before anything else sees it, and the encoder clears the padding of extended
   floats. So no uninitialised memory is sent.
4. A new record has one of its sender's next numbers. A known record keeps its kind, an array its
   dtype and shape. A submission cannot drop the judge's copies or use names that the judge did not
   send.
5. No copy changes before the whole message has been read and every limit has been checked.
6. The limits bound the time and memory of reading, and of later hashing, comparing and writing
   out what was read: see `check_hashes` and `check_written_out`.
7. Any exception becomes a `CodecError`; the process that gets one must close the connection.
"""

from utils.grading.remote.codec.decoder import unpack
from utils.grading.remote.codec.encoder import pack
from utils.grading.remote.codec.format import MAX_BYTES, OBJECT, CannotCross, CodecError
from utils.grading.remote.codec.shared_objects import SharedObjects

__all__ = ["MAX_BYTES", "OBJECT", "CannotCross", "CodecError", "SharedObjects", "pack", "unpack"]

"""The codec: messages between the judge and a student process; plain values, no code.

Read in this order: this page; `format`, the limits and tags; `shared_objects`, what both sides know
by a number; `decoder` with `arrays` and `generators`, which read bytes of any origin; last
`encoder`, which reads only its own side's values.

A message carries one value. Numbers, text, tuples and the like travel inside it. What can be
changed in place (lists, dicts, sets, bytearrays, arrays, random generators, files in memory)
travels as a *record* with a number and keeps its identity: each side holds a copy under that
number, and every message brings the records of all copies that its sender has changed since the
last one. So a change that a submission makes to an argument reaches the test's own object, and the
other way round. Arrays cross whole: two that overlap in memory are two copies on the other side.
Whatever is not plain (a function, a class, an instance) stays where it is; the other side gets its
number and a description and makes a proxy.

    message    u32 n, n numbers (u64) that the sender no longer uses
               u32 n, n records
               one value
    record     u64 number, u8 kind, u8 flags, u64 size, content of that many bytes

    kind             content (all numbers are little-endian)
    LIST, SET, DEQUE         values
    DICT, ORDERED, COUNTER   values: each key, and after it what it stands for
    DEFAULT          values: what makes the missing ones, then as DICT
    BYTEARRAY        the bytes
    STRINGS, BINARY  values: all that the file in memory holds, and the place where it is read
    ARRAY            dtype, u8 d, d times u64 (the shape), the numbers in C order
    GENERATOR        values: name of the generator, and the numbers of its state
    OBJECT           value: a description, always a tuple; the object itself stays where it is

    values           u32 n, n times a value
    dtype            u8 n, n bytes of text
    value            a u8 tag, then
    one of CONSTANTS                   nothing
    INT, FLOAT, COMPLEX                i64; f64; two f64
    BIG_INT, TEXT, BYTES, NAMED        u32 n, n bytes: two's complement; UTF-8; bytes; UTF-8
    TUPLE, FROZENSET, SLICE, RANGE     values; of the last two start, stop and step
    SCALAR, DTYPE                      dtype, and of a scalar its bytes
    REBUILT                            values: a name in REBUILD, and the arguments for it
    SHARED                             u64 number

What the decoder holds to, whatever the bytes are:

1. Every byte is read by `Decoder.take` or `Decoder.number`, which compare a size with the bytes
   that are left. They see one record at a time, so nothing that is read of it leaves it.
2. NumPy gets no pointer, offset or stride from a message: only a dtype whose text matches
   `DTYPE_TEXT` (numbers, text, times; no objects, no structures), a shape whose size was worked out
   in Python integers, and exactly that many bytes, in which it finds what it relies on.
3. New memory is filled before anything else sees it, and the encoder clears the padding of extended
   floats. So nothing is sent that was not written.
4. A new record has one of its sender's next numbers. A known one keeps its kind, an array its
   dtype and shape. A submission drops no copy of the judge's and names nothing that the judge did
   not name.
5. No copy changes before the whole message has been read and every limit has been checked.
6. The limits bound the time and memory that reading takes, and later hashing, comparing and writing
   out what was read: see `check_hashes` and `check_written_out`.
7. Any exception becomes a `CodecError`; a process that receives one has to close the connection.
"""

from utils.grading.remote.codec.decoder import unpack
from utils.grading.remote.codec.encoder import pack
from utils.grading.remote.codec.format import MAX_BYTES, OBJECT, CannotCross, CodecError
from utils.grading.remote.codec.shared_objects import SharedObjects

__all__ = ["MAX_BYTES", "OBJECT", "CannotCross", "CodecError", "SharedObjects", "pack", "unpack"]

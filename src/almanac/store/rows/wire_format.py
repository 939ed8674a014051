"""PostgreSQL's binary form of values with a fixed width, from and to Arrow columns."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Values = np.ndarray[Any, Any]
TIMESTAMP = pa.timestamp("us", "UTC")
# PostgreSQL counts days and microseconds from 2000-01-01, Arrow from 1970-01-01.
EPOCH_DAYS = 10_957
EPOCH_MICROSECONDS = EPOCH_DAYS * 86_400_000_000
# The dtype of a value on the wire: big-endian, and one byte for a boolean.
DTYPES: dict[pa.DataType, str] = {
    pa.int64(): ">i8",
    pa.int32(): ">i4",
    pa.float64(): ">f8",
    pa.bool_(): "u1",
    pa.date32(): ">i4",
    TIMESTAMP: ">i8",
}
EPOCHS: dict[pa.DataType, int] = {pa.date32(): EPOCH_DAYS, TIMESTAMP: EPOCH_MICROSECONDS}
# Arrow types whose values are counted from the epoch, and the integers that count them.
COUNTERS: dict[pa.DataType, pa.DataType] = {pa.date32(): pa.int32(), TIMESTAMP: pa.int64()}


def to_wire(column: pa.Array) -> Values:
    """Return the values of a column of fixed width in PostgreSQL's bytes; a NULL becomes any value.

    A column of fixed-size binary, such as the 16 bytes of a uuid, is returned as it is; it may have no NULL.
    """
    if pa.types.is_fixed_size_binary(column.type):
        return _raw_bytes(column)
    if pa.types.is_boolean(column.type):
        return np.asarray(pc.fill_null(column, False).cast(pa.uint8()))
    counter = COUNTERS.get(column.type, column.type)
    numbers = pc.fill_null(column.cast(counter), 0).to_numpy()
    shifted = numbers - numbers.dtype.type(EPOCHS.get(column.type, 0))
    return np.asarray(shifted.astype(DTYPES[column.type]))


def from_wire(values: Values, kind: pa.DataType, *, nulls: Values | None = None) -> pa.Array:
    """Return values in PostgreSQL's bytes as an Arrow column of type `kind`.

    `nulls` is true where there is no value.
    """
    if kind == pa.bool_():
        return pa.array(values.astype(bool), mask=nulls)
    native = values.astype(values.dtype.newbyteorder("="))
    shifted = native + native.dtype.type(EPOCHS.get(kind, 0))
    return pa.array(shifted, mask=nulls).cast(kind)


def _raw_bytes(column: pa.Array) -> Values:
    width = column.type.byte_width
    return np.frombuffer(
        column.buffers()[1], dtype=f"V{width}", count=len(column), offset=column.offset * width
    )

"""Text in groups of 64 bytes: what scanning it needs from the CPU, each primitive with its twin.

The functions below are what Python runs without compilation (NUMBA_DISABLE_JIT=1), and the oracle
of what compiled code gets in their place: LLVM's own vectors and bit operations, which every CPU
that Numba serves has in some form.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types

from nw2v.jit.intrinsics import also_emitted, emit_prefetch

GROUP = 64
_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
_BYTES = ir.VectorType(_BYTE, GROUP)


# --- the plain twins ------------------------------------------------------------------------------


def classify_bytes(text, position, case_bit, out, is_there):
    r"""Copy the group of bytes at a position from a text to an array, and say what they are.

    Parameters
    ----------
    text, out : (n,) uint8
        A whole group from `position` on must lie in `out`, and in `text` if it is read.
    position : int
    case_bit : int
        Is set in the copy of the letters A to Z: 32 to fold them to lower case, 0 to keep them.
    is_there : bool
        The group stands in `out` already: only its case is folded, and `text` is not read.

    Returns
    -------
    white, line_ends, suspects : int
        64 bits each, the lowest for the first byte: controls and the blank; ``\n`` and ``\r``;
        the first bytes of characters in UTF-8 that may be white space beyond ASCII.
    """
    group = (out if is_there else text)[position : position + GROUP].copy()
    capital = (group >= ord("A")) & (group <= ord("Z"))
    out[position : position + GROUP] = np.where(capital, group | np.uint8(case_bit), group)
    return (
        _bits((group <= 32) | (group == 127)),
        _bits((group == 10) | (group == 13)),
        _bits((group == 0xC2) | ((group >= 0xE1) & (group <= 0xE3))),
    )


def _bits(which: np.ndarray) -> int:
    return int.from_bytes(np.packbits(which, bitorder="little").tobytes(), "little")


def eight_bytes(array, position):
    """Give ``array[position:position + 8]`` as one number, the first byte lowest."""
    return int.from_bytes(array[position : position + 8].tobytes(), "little")


def lowest_bit(bits):
    """Place of the lowest of 64 bits that is set; 64 if none is."""
    return (bits & -bits).bit_length() - 1 if bits else 64


def count_bits(bits):
    """Count how many of 64 bits are set."""
    return bits.bit_count()


def prefetch(array, item):
    """Ask for the cache line of an item of an array (by its number in memory), soon to be read."""


# --- what they are compiled to --------------------------------------------------------------------


def _splat(value: int) -> ir.Constant:
    return ir.Constant(_BYTES, [value] * GROUP)


def _emit_classify(builder: ir.IRBuilder, arguments: list[ir.Value]) -> ir.Value:
    text, position, case_bit, out, is_there = arguments
    # The address is chosen, not the branch that calls: where two such calls meet, LLVM passes their
    # classes on as 64 single bits, each in a register of its own.
    source = builder.select(builder.icmp_unsigned("!=", is_there, _WORD(0)), out, text)
    group = builder.load(_vector_at(builder, source, position))
    group.align = 1

    def equals(value: int) -> ir.Value:
        return builder.icmp_unsigned("==", group, _splat(value))

    def within(first: int, last: int) -> ir.Value:
        return builder.icmp_unsigned("<=", builder.sub(group, _splat(first)), _splat(last - first))

    empty = ir.Constant(_BYTES, ir.Undefined)
    bit = builder.insert_element(empty, builder.trunc(case_bit, _BYTE), ir.IntType(32)(0))
    bit = builder.shuffle_vector(
        bit, empty, ir.Constant(ir.VectorType(ir.IntType(32), GROUP), [0] * GROUP)
    )
    folded = builder.or_(group, builder.select(within(ord("A"), ord("Z")), bit, _splat(0)))
    builder.store(folded, _vector_at(builder, out, position)).align = 1
    classes = (
        builder.or_(within(0, 32), equals(127)),
        builder.or_(equals(10), equals(13)),
        builder.or_(equals(0xC2), within(0xE1, 0xE3)),
    )
    result = ir.Constant(ir.ArrayType(_WORD, len(classes)), ir.Undefined)
    for place, which in enumerate(classes):
        result = builder.insert_value(result, builder.bitcast(which, _WORD), place)
    return result


def _vector_at(builder: ir.IRBuilder, data: ir.Value, position: ir.Value) -> ir.Value:
    return builder.bitcast(builder.gep(data, [position]), _BYTES.as_pointer())


def _emit_eight_bytes(builder: ir.IRBuilder, arguments: list[ir.Value]) -> ir.Value:
    data, position = arguments
    value = builder.load(builder.bitcast(builder.gep(data, [position]), _WORD.as_pointer()))
    value.align = 1
    return value


def _emit_lowest_bit(builder: ir.IRBuilder, arguments: list[ir.Value]) -> ir.Value:
    return builder.cttz(arguments[0], ir.IntType(1)(0))


def _emit_count_bits(builder: ir.IRBuilder, arguments: list[ir.Value]) -> ir.Value:
    return builder.ctpop(arguments[0])


def _emit_prefetch(builder: ir.IRBuilder, arguments: list[ir.Value]) -> None:
    emit_prefetch(builder, *arguments, for_writing=False)


# --- both together -------------------------------------------------------------------------------

also_emitted(classify_bytes, _emit_classify, "biibi", types.UniTuple(types.uint64, 3))
also_emitted(eight_bytes, _emit_eight_bytes, "bi", types.uint64)
also_emitted(lowest_bit, _emit_lowest_bit, "i", types.uint64)
also_emitted(count_bits, _emit_count_bits, "i", types.uint64)
also_emitted(prefetch, _emit_prefetch, "ai")

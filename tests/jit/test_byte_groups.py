from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nw2v.jit import COMPILED, exact_kernel
from nw2v.jit.byte_groups import (
    GROUP,
    classify_bytes,
    count_bits,
    eight_bytes,
    lowest_bit,
    prefetch,
)


@exact_kernel
def classified(text, position, case_bit, out, is_there):
    return classify_bytes(text, position, case_bit, out, is_there)


@exact_kernel
def of_bits(bits):
    return lowest_bit(bits), count_bits(bits)


@exact_kernel
def read(array, position):
    prefetch(array, position)
    return eight_bytes(array, position)


def byte_by_byte(text, position, case_bit, out):
    """What a group of bytes is, byte by byte."""
    classes = [0, 0, 0]
    for k in range(GROUP):
        byte = int(text[position + k])
        classes[0] |= (byte <= 32 or byte == 127) << k
        classes[1] |= (byte in b"\n\r") << k
        classes[2] |= (byte in (0xC2, 0xE1, 0xE2, 0xE3)) << k
        out[position + k] = byte | case_bit if chr(byte) in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" else byte
    return tuple(classes)


@pytest.mark.parametrize("is_there", [False, True])
@pytest.mark.parametrize("case_bit", [0, 32])
@pytest.mark.parametrize("start", [0, 1, 40, 192])
def test_classes_of_all_bytes(case_bit: int, start: int, is_there: bool) -> None:
    text = np.roll(np.arange(256, dtype=np.uint8), 5)
    given = text.copy() if is_there else np.zeros_like(text)
    ref_out, comp_out, twin_out = given.copy(), given.copy(), given.copy()
    ref = byte_by_byte(text, start, case_bit, ref_out)
    read = np.zeros(0, dtype=np.uint8) if is_there else text
    assert tuple(map(int, classified(read, start, case_bit, comp_out, is_there))) == ref
    assert classify_bytes(read, start, case_bit, twin_out, is_there) == ref
    np.testing.assert_array_equal(comp_out, ref_out)
    np.testing.assert_array_equal(twin_out, ref_out)


@given(st.integers(0, 2**64 - 1))
def test_bits(bits: int) -> None:
    ref = f"{bits:064b}"[::-1]
    lowest, number = of_bits(np.uint64(bits) if COMPILED else bits)
    assert (int(lowest), int(number)) == ((ref + "1").index("1"), ref.count("1"))
    assert (lowest_bit(bits), count_bits(bits)) == (int(lowest), int(number))


@pytest.mark.parametrize("position", [0, 1, 7, 12])
def test_eight_bytes(position: int) -> None:
    array = np.arange(200, 220, dtype=np.uint8)
    ref = int.from_bytes(bytes(range(200 + position, 208 + position)), "little")
    assert int(read(array, position)) == eight_bytes(array, position) == ref

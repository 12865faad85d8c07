"""How rows are laid out for registers."""

from __future__ import annotations

from nw2v.jit.registers import LANES, LONGEST_ROW, aligned_zeros, row_layout


def test_layout_pads_rows_to_whole_registers_and_long_rows_take_the_portable_path():
    lanes, length = row_layout(100)
    if LANES:
        assert length == len(lanes) * LANES >= 100 > length - LANES
    assert row_layout(100, portable=True) == ((), 100)
    assert row_layout(LONGEST_ROW + 1) == ((), LONGEST_ROW + 1)
    assert aligned_zeros(3, 16).ctypes.data % 64 == 0

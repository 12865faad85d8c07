"""From LLVM code to functions that kernels call.

What kernels need of the CPU beyond what Numba makes of Python is written twice: as a plain
function, which Python runs without compilation (NUMBA_DISABLE_JIT=1) and which is the oracle of the
other; and as a function `_emit_...` that writes LLVM code. `also_emitted` puts them together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.errors import NumbaTypeError
from numba.extending import intrinsic, overload

from nw2v.jit.compile import IN_CALLERS

Emitter = Callable[[ir.IRBuilder, list[Any]], ir.Value | None]

_ELEMENTS: dict[str, tuple[Any, ...]] = {
    "a": (),
    "b": (types.uint8,),
    "d": (types.float64,),
    "f": (types.float32,),
    "n": (types.int32,),
    "N": (types.int64, types.uint64),
}
_NUMBERS = {"i": types.int64, "r": types.float32}
_GIVEN: dict[str, tuple[Any, ...]] = {
    "i": (types.Integer, types.Boolean),
    "r": (types.Float,),
}


def also_emitted(
    plain: Callable[..., Any],
    emit: Emitter,
    kinds: str,
    result: Any = types.void,
    *,
    unless_empty: bool = False,
) -> None:
    """Let kernels that call a plain function run what `emit` writes instead.

    Parameters
    ----------
    plain : callable
    emit : callable
        Writes LLVM code: given the builder and the arguments.
    kinds : str
        A letter for each argument, which tells how it reaches `emit`. As the address of its data,
        an array of numbers one behind the other in memory: "f" of float32, "d" of float64, "n" of
        int32, "N" of int64 or uint64, "b" of uint8, "a" of any. As 64 bits, an integer: "i". As 32
        bits, a float: "r". As a Python number, how long a tuple is: "t".
    result : numba type
        What `emit` returns.
    unless_empty : bool
        Run the plain function where the first argument is the empty tuple.
    """
    for_kernels = emitted(plain.__name__, emit, kinds, result)
    # Numba wants the same names of arguments from all, and makes longer code of `*arguments`.
    names = ", ".join(inspect.signature(plain).parameters)
    name = f"{plain.__name__}_emitted"
    condition = f" if len({names.partition(',')[0]}) else plain" if unless_empty else ""
    made: dict[str, Any] = {"emitted": for_kernels, "plain": plain, "__name__": plain.__module__}
    exec(
        f"def {name}({names}): return emitted({names})\n"
        f"def choose({names}): return {name}{condition}",
        made,
    )
    # In callers: code that is compiled in different processes is kept, and must bring none of its
    # own that another could be taken for.
    overload(plain, jit_options=IN_CALLERS)(made["choose"])


def emitted(name: str, emit: Emitter, kinds: str, result: Any = types.void) -> Callable[..., Any]:
    """Make what `emit` writes a function of kernels; see `also_emitted`."""

    @intrinsic
    def function(typing_context, *arguments):
        for place, (kind, argument) in enumerate(zip(kinds, arguments, strict=True)):
            _check(name, place, kind, argument)

        def generate(context, builder, signature, values):
            given: list[Any] = []
            for k, (kind, argument) in enumerate(zip(kinds, arguments, strict=True)):
                value = builder.extract_value(values[0], k)
                if kind == "t":
                    given.append(len(argument))
                elif kind in _NUMBERS:
                    given.append(context.cast(builder, value, argument, _NUMBERS[kind]))
                else:
                    given.append(context.make_array(argument)(context, builder, value).data)
            value = emit(builder, given)
            return context.get_dummy_value() if value is None else value

        return result(types.StarArgTuple(arguments)), generate

    return function


def emit_prefetch(
    builder: ir.IRBuilder, data: ir.Value, item: ir.Value, *, for_writing: bool
) -> None:
    """Ask for the cache line of an item of an array, into all caches."""
    byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
    address = builder.bitcast(builder.gep(data, [item]), byte)
    kind = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    into_all_caches, of_data = 3, 1
    which = (int(for_writing), into_all_caches, of_data)
    builder.call(function, [address, *(number(value) for value in which)])


def _check(name: str, place: int, kind: str, argument: Any) -> None:
    """Refuse what would be read wrongly: another kind of number, an array with gaps."""
    if kind in _GIVEN and not isinstance(argument, _GIVEN[kind]):
        raise NumbaTypeError(f"{name}: argument {place} is {argument}, no {_NUMBERS[kind]}")
    if kind not in _ELEMENTS:
        return
    elements = _ELEMENTS[kind]
    if not isinstance(argument, types.Array) or argument.layout != "C":
        raise NumbaTypeError(f"{name}: argument {place} is no contiguous array but {argument}")
    if elements and argument.dtype not in elements:
        raise NumbaTypeError(f"{name}: argument {place} has elements of type {argument.dtype}")

"""Read pickles as data: nothing in the file is imported, looked up or called.

Python's own unpickler runs what a file names. Even with a list of allowed classes it hands the file
real callables, C code (numpy's ``__setstate__``) and the hashing of nested tuples, which can
overflow the stack. So `pickletools.genops` lists the opcodes, which executes nothing, and a small
stack machine builds only lists, dicts, tuples, numbers, texts and `Instance`: the name of a class
or function with its arguments. Classes of agents and frameworks in a recording stay such names.

Nothing runs, for any name in the file. A name that would run programs or open files still ends the
reading (``hostile_pickle``): no recorder writes one, so somebody should know.

The result differs from Python's in three ways: sets are lists, keys of dicts are texts, and an item
whose key is neither text nor number is left out (its hash could take for ever or overflow the
stack).
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from etl.inputs.streams import chunks
from schemas.errors import RecordError

MAX_PICKLE_BYTES: Final = 256 * 1024 * 1024
"""Most bytes of one pickle after decompression, 60 times the largest page seen. More is a bomb."""

MAX_OPCODES: Final = 5_000_000
"""Most opcodes of one pickle; real ones have about 300.

An opcode of one byte can cost a hundred bytes of memory.
"""

MAX_ARRAY_ITEMS: Final = 1024
"""Most items of an array that is decoded. Larger ones are screenshots, which nobody reads."""

_DTYPE: Final = "numpy.dtype"
_ENCODE: Final = "_codecs.encode"  # how protocol 2 writes bytes
_ARRAY: Final = frozenset(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core"))
_FROM_BUFFER: Final = frozenset(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core"))
_SCALAR: Final = frozenset(f"numpy.{core}.multiarray.scalar" for core in ("core", "_core"))

HOSTILE_MODULES: Final = frozenset(
    {"os", "posix", "nt", "subprocess", "pty", "runpy", "importlib", "ctypes", "shutil", "socket"}
)
HOSTILE_NAMES: Final = frozenset(
    {
        f"builtins.{name}"
        for name in ("eval", "exec", "execfile", "compile", "__import__", "open", "file")
    }
    | {"io.open", "_io.open"}
)

_FORMATS: Final = dict(
    zip(
        ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"),
        "?bhiqBHIQefd",
        strict=True,
    )
)


@dataclass(slots=True, eq=False)
class Instance:
    """An inert stand-in for a class or function, or for what a pickle makes with one."""

    # module.attribute
    name: str
    # its arguments; None for the class or function itself
    args: tuple[Any, ...] | None = None
    # what the pickle would give to `__setstate__`
    state: Any = None

    @property
    def fields(self) -> Any:
        """Its attributes. A class with slots has them in the second part of its state."""
        state = self.state
        if not isinstance(state, tuple) or len(state) != 2 or not isinstance(state[1], dict):
            return state
        if not isinstance(state[0], dict | None):
            return None
        return (state[0] or {}) | state[1]


def load(path: str | Path) -> Any:
    """The value in a pickle file, plain or compressed.

    Raises: `RecordError` ``pickle_too_large``, and as `loads` does; `etl.inputs.streams.Truncated`
    for a broken compressed stream; OSError.
    """
    data = bytearray()
    for chunk in chunks(path):
        data += chunk
        if len(data) > MAX_PICKLE_BYTES:
            raise RecordError(
                "pickle_too_large", f"more than {MAX_PICKLE_BYTES} bytes after decompression"
            )
    return loads(bytes(data))


def loads(data: bytes) -> Any:
    """The value in a pickle.

    Raises: `RecordError` ``hostile_pickle`` (its detail is module.attribute, or an opcode that
    reaches outside of the file), ``pickle_too_large``, or ``broken_pickle`` (cut or malformed).
    """
    machine = _Machine()
    try:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(data)):
            if opcode.name == "STOP":
                return machine.stack.pop()
            if count == MAX_OPCODES:
                raise RecordError("pickle_too_large", f"more than {MAX_OPCODES} opcodes")
            machine.run(opcode.name, argument)
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        OverflowError,
        struct.error,
    ) as error:
        raise RecordError("broken_pickle", f"{type(error).__name__}: {error}"[:200]) from error
    raise RecordError("broken_pickle", "no end")


def plain(value: Any) -> Any:
    """A small numpy array as a flat list, a numpy scalar as a number, anything else as it is.

    An array or scalar that is malformed, or not of bool, int or float, stays an `Instance`.
    """
    if not isinstance(value, Instance) or value.args is None:
        return value
    try:
        if value.name in _ARRAY:
            _, shape, dtype, _, data = value.state
            return _numbers(dtype, _bytes(data)) if len(shape) <= 1 else value
        if value.name in _FROM_BUFFER:
            return (
                _numbers(value.args[1], _bytes(value.args[0])) if len(value.args[2]) <= 1 else value
            )
        if value.name in _SCALAR:
            (number,) = _numbers(value.args[0], _bytes(value.args[1]))
            return number
    except (ValueError, TypeError, LookupError, AttributeError, struct.error):
        pass  # malformed: the caller sees that it is not a number
    return value


def _numbers(dtype: Any, data: bytes) -> list[bool | int | float]:
    """The items of an array's bytes.

    Raises: LookupError, TypeError, ValueError or struct.error if they are not simple numbers.
    """
    if not isinstance(dtype, Instance) or dtype.name != _DTYPE or dtype.args is None:
        raise TypeError(dtype)
    order = dtype.state[1] if dtype.state else "|"
    code = re.sub("^[<>=|]", "", dtype.args[0])
    item = struct.Struct((">" if order == ">" else "<") + _FORMATS[code])
    if len(data) > MAX_ARRAY_ITEMS * item.size:
        raise ValueError(len(data))
    return [number for (number,) in item.iter_unpack(data)]


def _bytes(data: Any) -> bytes:
    """Bytes in the form of any protocol. Raises TypeError or ValueError for anything else."""
    if isinstance(data, Instance) and data.name == _ENCODE and data.args is not None:
        return str(data.args[0][: 8 * MAX_ARRAY_ITEMS + 1]).encode("latin-1")
    return bytes(memoryview(data))


class _Machine:
    """A pickle's stack, marks and memo; a method for each family of opcodes."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # one stack for each open mark
        self.memo: dict[int, Any] = {}

    def run(self, name: str, argument: Any) -> None:
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name in _TUPLES:
            self.stack[len(self.stack) - _TUPLES[name] :] = [tuple(self._top(_TUPLES[name]))]
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise RecordError("hostile_pickle", f"opcode {name}")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def _top(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("pop from an empty stack")
        return self.stack[len(self.stack) - count :]

    def mark(self, _: Any) -> None:
        self.below.append(self.stack)
        self.stack = []

    def since_mark(self) -> list[Any]:
        items, self.stack = self.stack, self.below.pop()
        return items

    def pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.since_mark()

    def put(self, argument: Any) -> None:
        self.memo[len(self.memo) if argument is None else int(argument)] = self.stack[-1]

    def get(self, argument: Any) -> None:
        self.stack.append(self.memo[int(argument)])

    def extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):
            self.stack[-1].extend(items)
        elif not isinstance(self.stack[-1], Instance):
            # The items of an instance (a set, a subclass of list) are not read.
            raise TypeError("items for something that is no list")

    def update(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict | Instance) or len(items) % 2:
            raise TypeError("keys and values for something that is no dict")
        if isinstance(self.stack[-1], dict):
            for key, value in zip(items[::2], items[1::2], strict=True):
                if isinstance(key, str | int | float | None):
                    self.stack[-1][str(key)] = value

    def find(self, module: Any, attribute: Any) -> None:
        if not isinstance(module, str) or not isinstance(attribute, str):
            raise TypeError("a name that is no text")
        # protocols 0 to 2 have Python 2's names
        name = f"{'builtins' if module == '__builtin__' else module}.{attribute}"
        if name in HOSTILE_NAMES or module.partition(".")[0] in HOSTILE_MODULES:
            raise RecordError("hostile_pickle", name)
        self.stack.append(Instance(name))

    def make(self, count: int) -> None:
        function, *arguments = self._top(count)
        if not isinstance(function, Instance) or not isinstance(arguments[0], tuple):
            raise TypeError("a call of something that is no class or function")
        # The result of a call may be called in turn.
        name = function.name if function.args is None else f"{function.name}()"
        self.stack[len(self.stack) - count :] = [Instance(name, arguments[0])]

    def build(self, _: Any) -> None:
        instance, state = self._top(2)
        if not isinstance(instance, Instance):
            raise TypeError("a state for something that is no instance")
        self.stack.pop()
        instance.state = state


_VALUES: Final = frozenset(
    {"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"}
    | {
        "STRING",
        "BINSTRING",
        "SHORT_BINSTRING",
        "UNICODE",
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BINUNICODE8",
    }
    | {"BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"}
)
_CONSTANTS: Final[dict[str, Callable[[], Any]]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "EMPTY_SET": list,
}
_TUPLES: Final = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


def _pop_mark(machine: _Machine, _: Any) -> None:
    machine.since_mark()


def _instance(machine: _Machine, argument: Any) -> None:
    arguments = tuple(machine.since_mark())
    machine.find(*argument.split(" ", 1))
    machine.stack[-1] = Instance(machine.stack[-1].name, arguments)


def _dict(machine: _Machine, _: Any) -> None:
    items = machine.since_mark()
    machine.stack.append({})
    machine.update(items)


def _setitem(machine: _Machine, _: Any) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.update([key, value])


def _stack_global(machine: _Machine, _: Any) -> None:
    attribute, module = machine.stack.pop(), machine.stack.pop()
    machine.find(module, attribute)


_OPERATIONS: Final[dict[str, Callable[[_Machine, Any], None]]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _pop_mark,
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "APPEND": lambda machine, _: machine.extend([machine.stack.pop()]),
    **dict.fromkeys(
        ("APPENDS", "ADDITEMS"), lambda machine, _: machine.extend(machine.since_mark())
    ),
    **dict.fromkeys(("LIST", "FROZENSET"), lambda machine, _: machine.push(machine.since_mark())),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "DICT": _dict,
    "SETITEM": _setitem,
    "SETITEMS": lambda machine, _: machine.update(machine.since_mark()),
    "GLOBAL": lambda machine, argument: machine.find(*argument.split(" ", 1)),
    "STACK_GLOBAL": _stack_global,
    "INST": _instance,
    **dict.fromkeys(("REDUCE", "NEWOBJ"), lambda machine, _: machine.make(2)),
    "NEWOBJ_EX": lambda machine, _: machine.make(3),
    "BUILD": _Machine.build,
}

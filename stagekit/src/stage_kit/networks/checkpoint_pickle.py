"""A pickle -> plain data. Nothing that a pickle names is imported, called or executed.

Python's own Unpickler is not used, for three reasons: a memo index of a few bytes makes it take gigabytes, a size of
bytes is taken before they are read, and nested tuples as a key are hashed for years. The opcodes here come from
`pickletools.genops`, which only decodes. The format: PEP 307, PEP 3154 and the comments of pickletools.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from stage_kit.networks.checkpoint_machine import Build, Foreign, Machine, UnreadableError

MOST_BYTES = 64 << 20  # of one pickle; that of a training checkpoint has one or two million
_MOST_OPCODES = 2_000_000  # a training checkpoint of HRNet-W48 has 300,000


def read_pickle(stream: IO[bytes], builders: Mapping[str, Build], persistent: Build) -> Any:
    """The object of the pickle that begins where `stream` stands; `stream` stands behind it afterwards.

    Args:
        stream: holds MOST_BYTES at most; sizes in the pickle are checked against what is left of it.
        builders: a full name -> what makes plain data of the arguments it is called with. Every other name becomes a
            `Foreign`, and so does what is made by it.
        persistent: what makes an object of a persistent id.

    Raises:
        UnreadableError: an opcode, a key or a size that no checkpoint has. Damaged bytes may also surface as nearly any
            other Exception.
    """
    machine = Machine(builders, persistent)
    for count, (opcode, argument, _position) in enumerate(pickletools.genops(stream)):
        if count >= _MOST_OPCODES:
            raise UnreadableError(f"its pickle has more than {_MOST_OPCODES} opcodes")
        if opcode.name == "STOP":
            break
        action = _ACTIONS.get(opcode.name)
        if action is None:
            raise UnreadableError(f"its pickle asks for {opcode.name}, which no checkpoint needs")
        action(machine, argument)
    return machine.stack.pop()


def _push(machine: Machine, argument: Any) -> None:
    machine.stack.append(argument)


def _push_python2_text(machine: Machine, argument: Any) -> None:
    # pickletools shows these bytes as Latin-1; PyTorch reads them as UTF-8.
    machine.stack.append(str(argument).encode("latin-1").decode("utf-8", "replace"))


def _mark(machine: Machine, _: Any) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _pop(machine: Machine, _: Any) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.since_mark()


def _pop_mark(machine: Machine, _: Any) -> None:
    machine.since_mark()


def _tuple(size: int) -> Callable[[Machine, Any], None]:
    def action(machine: Machine, _: Any) -> None:
        if len(machine.stack) < size:
            raise UnreadableError("its pickle takes more than there is")
        parts = tuple(machine.stack[-size:])
        del machine.stack[-size:]
        machine.stack.append(parts)

    return action


def _of_marked(make: Callable[[Machine, list[Any]], object]) -> Callable[[Machine, Any], None]:
    """An action that pushes what `make` makes of what lies above the last mark."""

    def action(machine: Machine, _: Any) -> None:
        items = machine.since_mark()
        machine.stack.append(make(machine, items))

    return action


def _extend(machine: Machine, items: Sequence[Any]) -> None:
    target = machine.stack[-1]
    if isinstance(target, list):
        target.extend(items)
    elif not isinstance(target, Foreign):
        raise UnreadableError("something is appended to what is no list")


def _append(machine: Machine, _: Any) -> None:
    _extend(machine, [machine.stack.pop()])


def _appends(machine: Machine, _: Any) -> None:
    _extend(machine, machine.since_mark())


def _set_item(machine: Machine, _: Any) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    machine.filled(machine.stack[-1], [key, value])


def _set_items(machine: Machine, _: Any) -> None:
    items = machine.since_mark()
    machine.filled(machine.stack[-1], items)


def _add_items(machine: Machine, _: Any) -> None:
    items = machine.since_mark()
    target = machine.stack[-1]
    if isinstance(target, set):
        target.update(machine.key(item) for item in items)
    elif not isinstance(target, Foreign):
        raise UnreadableError("something is added to what is no set")


def _get(machine: Machine, argument: Any) -> None:
    machine.stack.append(machine.memo[argument])


def _put(machine: Machine, argument: Any) -> None:
    machine.memo[argument] = machine.stack[-1]


def _global(machine: Machine, argument: Any) -> None:
    machine.push_name(*str(argument).split(" ", 1))


def _stack_global(machine: Machine, _: Any) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.push_name(module, name)


def _reduce(machine: Machine, _: Any) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(machine.call(function, arguments))


def _new_with_keywords(machine: Machine, _: Any) -> None:
    # Nothing that is known takes keywords, so what lies there is inert.
    del machine.stack[-2:]
    if not isinstance(machine.stack[-1], Foreign):
        raise UnreadableError("something that is no class makes an object")


def _instance(machine: Machine, argument: Any) -> None:
    arguments = tuple(machine.since_mark())
    _global(machine, argument)
    machine.stack.append(machine.call(machine.stack.pop(), arguments))


def _build(machine: Machine, _: Any) -> None:
    machine.stack.pop()  # the state of an OrderedDict says nothing of its content, and foreign objects keep none


def _persistent(machine: Machine, argument: Any) -> None:
    machine.stack.append(machine.persistent(machine.stack.pop() if argument is None else argument))


def _nothing(machine: Machine, argument: Any) -> None: ...


_ACTIONS: dict[str, Callable[[Machine, Any], None]] = {
    **dict.fromkeys(("PROTO", "FRAME"), _nothing),
    **dict.fromkeys(("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"), _push),
    **dict.fromkeys(("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"), _push),
    **dict.fromkeys(("SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"), _push),
    **dict.fromkeys(("STRING", "BINSTRING", "SHORT_BINSTRING"), _push_python2_text),
    "NONE": lambda machine, _: machine.stack.append(None),
    "NEWTRUE": lambda machine, _: machine.stack.append(True),
    "NEWFALSE": lambda machine, _: machine.stack.append(False),
    "EMPTY_LIST": lambda machine, _: machine.stack.append([]),
    "EMPTY_TUPLE": lambda machine, _: machine.stack.append(()),
    "EMPTY_DICT": lambda machine, _: machine.stack.append({}),
    "EMPTY_SET": lambda machine, _: machine.stack.append(set()),
    "MARK": _mark,
    "POP": _pop,
    "POP_MARK": _pop_mark,
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": _of_marked(lambda _, items: tuple(items)),
    "LIST": _of_marked(lambda _, items: items),
    "DICT": _of_marked(lambda machine, items: machine.filled({}, items)),
    "FROZENSET": _of_marked(lambda machine, items: frozenset(machine.key(item) for item in items)),
    "OBJ": _of_marked(lambda machine, items: machine.call(items[0], tuple(items[1:]))),
    "INST": _instance,
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "ADDITEMS": _add_items,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _get),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _put),
    "MEMOIZE": lambda machine, _: _put(machine, len(machine.memo)),
    "GLOBAL": _global,
    "STACK_GLOBAL": _stack_global,
    "REDUCE": _reduce,
    "NEWOBJ": _reduce,
    "NEWOBJ_EX": _new_with_keywords,
    "BUILD": _build,
    **dict.fromkeys(("PERSID", "BINPERSID"), _persistent),
}

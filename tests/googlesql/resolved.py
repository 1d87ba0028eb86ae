"""The analyzer's answer, read as the protobuf message that it is.

`zetasql.types` has a class for every kind of node. To make an object of each node costs half as much again as
the analysis, and then the garbage collector goes through all of them again and again; of most statements
only the kind, the columns and the functions are looked at.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message


def concrete(node: Any) -> Any:
    """The node itself, where a message only tells which of many kinds it holds."""
    while "node" in node.DESCRIPTOR.oneofs_by_name:
        which = node.WhichOneof("node")
        if which is None:
            break
        node = getattr(node, which)
    return node


def kind(node: Message) -> str:
    """Its class, without `Resolved`: ColumnRef, AggregateScan, CreateViewStmt."""
    name: str = node.DESCRIPTOR.name
    return name.removeprefix("Resolved").removesuffix("Proto")


def read(node: Any, name: str, default: Any = None) -> Any:
    """A field of a node or of one of the classes it is derived from, which are messages in its `parent`."""
    while name not in node.DESCRIPTOR.fields_by_name:
        if "parent" not in node.DESCRIPTOR.fields_by_name:
            return default
        node = node.parent
    return getattr(node, name)


def below(root: Message) -> Iterator[Message]:
    """Every message in a message, itself first."""
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        for field, value in node.ListFields():
            if field.message_type is not None:
                todo.extend(value if field.is_repeated else [value])

"""Read the analyzer's result as protobuf messages.

`zetasql.types` would create an object for every node, which takes half as long as the analysis itself and
slows down garbage collection. Of most statements we need only the kind, the columns and the functions.
"""

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message


def concrete(node: Any) -> Any:
    """Return the node inside a message that holds one of many kinds."""
    while "node" in node.DESCRIPTOR.oneofs_by_name:
        which = node.WhichOneof("node")
        if which is None:
            break
        node = getattr(node, which)
    return node


def kind(node: Message) -> str:
    """Return its class without `Resolved`: ColumnRef, AggregateScan, CreateViewStmt."""
    name: str = node.DESCRIPTOR.name
    return name.removeprefix("Resolved").removesuffix("Proto")


def read(node: Any, name: str, default: Any = None) -> Any:
    """Return a field of a node or of its base classes, which are messages in its `parent`."""
    while name not in node.DESCRIPTOR.fields_by_name:
        if "parent" not in node.DESCRIPTOR.fields_by_name:
            return default
        node = node.parent
    return getattr(node, name)


def below(root: Message) -> Iterator[Message]:
    """Return a message and all messages inside it."""
    todo = [root]
    while todo:
        node = todo.pop()
        yield node
        for field, value in node.ListFields():
            if field.message_type is not None:
                todo.extend(value if field.is_repeated else [value])

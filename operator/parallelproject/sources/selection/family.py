"""Who contains whom among items: ancestors and descendants. Pure; copes with parents in a circle."""

from collections.abc import Mapping

from parallelproject.sources.selection.item import Item


class Family:
    """The hierarchy of a file's items."""

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._items = items
        self._children: dict[str, list[str]] = {}
        self._descendants: dict[str, tuple[str, ...]] = {}
        self._ancestors: dict[str, tuple[str, ...]] = {}
        for item in items.values():
            for parent in item.parents:
                if parent in items:
                    self._children.setdefault(parent, []).append(item.id)

    def ancestors(self, id: str) -> tuple[str, ...]:
        """What contains an item, directly or not, nearest first."""
        if id not in self._ancestors:
            found: dict[str, None] = {}
            queue = [parent for parent in self._items[id].parents if parent in self._items]
            for parent in queue:  # grows while it is walked
                if parent not in found and parent != id:
                    found[parent] = None
                    queue.extend(above for above in self._items[parent].parents if above in self._items)
            self._ancestors[id] = tuple(found)
        return self._ancestors[id]

    def descendants(self, id: str) -> tuple[str, ...]:
        """What an item contains, directly or not, each before what it contains itself."""
        if id not in self._descendants:
            found: dict[str, None] = {}
            stack = [*reversed(self._children.get(id, ()))]
            while stack:
                child = stack.pop()
                if child not in found and child != id:
                    found[child] = None
                    stack.extend(reversed(self._children.get(child, ())))
            self._descendants[id] = tuple(found)
        return self._descendants[id]

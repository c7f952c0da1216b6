"""What lives as long as a ``with`` block."""

from types import TracebackType
from typing import Self


class Block:
    """Started when the block is entered, ended when it is left, and also where the start does not succeed."""

    def __enter__(self) -> Self:
        self._prepare()
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _prepare(self) -> None:
        """What must be there for ``_end``, and what may fail without leaving anything behind."""

    def _start(self) -> None:
        raise NotImplementedError

    def _end(self) -> None:
        raise NotImplementedError

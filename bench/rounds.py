"""Rounds: the sides take turns, so that a noisy machine is noisy for all."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def in_turns(rounds: int, sides: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Runs every side once a round, in an order that alternates: what each gave, by round."""
    found: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in sides if number % 2 == 0 else reversed(list(sides)):
            found[name].append(sides[name]())
    return found


def seconds(work: Callable[[], object]) -> float:
    """How long that takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def processor_seconds(work: Callable[[], object]) -> float:
    """What it takes of this process's processor time: for what only computes, and does not wait."""
    start = time.process_time()
    work()
    return time.process_time() - start

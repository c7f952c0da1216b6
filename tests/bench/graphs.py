"""Random loads: acyclic by construction, in an order that says nothing."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from bench.load import Load, Task
from tests.core.examples import tries

unhurried = settings(deadline=None, max_examples=tries(60), suppress_health_check=[HealthCheck.too_slow])
"""Whatever else goes on."""
SECONDS = st.integers(1, 50).map(lambda tenths: tenths / 10)


@st.composite
def loads(draw: st.DrawFn, by_level: bool = False) -> Load:
    count = draw(st.integers(1, 14))
    tasks = []
    for i in range(count):
        after = draw(st.lists(st.sampled_from([f"t{p}" for p in range(i)]), unique=True, max_size=3)) if i else []
        tasks.append(Task(f"t{i}", tuple(after), draw(SECONDS)))
    return Load("p", draw(st.integers(1, 6)), tuple(draw(st.permutations(tasks))), by_level)

"""How long recorded workflows take, beside a list schedule in which a task costs nothing but its own time.

Whatever the Job controller, the scheduler and the node take for a task counts against us, and the more the shorter
the tasks are: MEAN_SECONDS is what fits into some minutes, and the least that is honest.
"""

from collections.abc import Iterator, Sequence
from statistics import geometric_mean

from bench.figure import Aim, Figure, ratio_at_most
from bench.schedule import makespan
from bench.setting import Setting
from bench.workflows import DATA, Cell, read_workflows

SLOTS = (4, 8, 16)
MEAN_SECONDS = 1.0
AT_WORK = 20
"""Running tasks at once, on average over all workflows that run at once: some third of what the machine can do."""
SMALL = 300
"""Workflows of fewer tasks run in every round and by Levels too; larger ones, which take minutes, once."""
_SIMULATED = "simulated list schedule"


def run(setting: Setting) -> Iterator[Figure]:
    """Every workflow at 4, 8 and 16 slots."""
    workflows = read_workflows(MEAN_SECONDS)
    if not workflows:
        print(f"makespan: skipped, there is nothing in {DATA}")
        return
    if setting.short:
        cells = [Cell(read_workflows(MEAN_SECONDS / 2)["mag"], 8)]
    else:
        cells = [Cell(flow, slots) for flow in workflows.values() for slots in SLOTS]
        small = [flow for flow in workflows.values() if len(flow.tasks) < SMALL]
        cells += [Cell(f, slots, number=n) for f in small for slots in SLOTS for n in range(1, setting.rounds)]
        cells += [Cell(f, slots, by_level=True) for f in small for slots in SLOTS]
    cells.sort(key=lambda cell: -makespan(cell.load))
    done = setting.arena().ours_packed([(cell.load, cell.running) for cell in cells], AT_WORK)
    by_title: dict[str, list[Cell]] = {}
    for cell in sorted(cells, key=lambda cell: (cell.by_level, cell.workflow.name, cell.slots)):
        by_title.setdefault(cell.title, []).append(cell)
    figures = []
    for title, same in by_title.items():
        took = tuple(done.makespan(cell.load) for cell in same)
        figures.append(Figure("makespan", title, "s", took, (same[0].list_schedule,), _SIMULATED))
    yield from figures
    yield _mean("Graph", figures, ratio_at_most(1.05, far_out=5))
    if any(cell.by_level for cell in cells):
        yield _mean("Levels", figures)
        simulated = [makespan(same[0].load) / same[0].list_schedule for same in by_title.values() if same[0].by_level]
        name = f"geometric mean of {len(simulated)}, Levels simulated"
        yield Figure("makespan", name, "", (geometric_mean(simulated),), (1.0,), _SIMULATED)


def _mean(way: str, figures: Sequence[Figure], aim: Aim | None = None) -> Figure:
    ratios = [figure.ratio.median for figure in figures if figure.ratio and figure.name.endswith(way)]
    name = f"geometric mean of {len(ratios)}, {way}"
    return Figure("makespan", name, "", (geometric_mean(ratios),), (1.0,), _SIMULATED, aim)

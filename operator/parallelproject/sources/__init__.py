"""Task files of other tools, and manifests, as projects. Imports the model only; knows no cluster.

``load`` (a file) and ``read`` (a text) give an ``Imported``: the project, and a report that accounts for every
task found. Everything wrong with a file is reported at once, as a ``ProblemsError``.
"""

from parallelproject.sources.load import load, load_roles, read
from parallelproject.sources.selection.options import Format, Options
from parallelproject.sources.selection.report import ChosenRole, Imported, ImportReport, LeftOut
from parallelproject.sources.selection.roles import RoleTable

__all__ = [
    "ChosenRole",
    "Format",
    "ImportReport",
    "Imported",
    "LeftOut",
    "Options",
    "RoleTable",
    "load",
    "load_roles",
    "read",
]

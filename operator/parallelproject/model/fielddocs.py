"""The docstrings of a model's fields. Python does not keep them, so they are read from the source.

Pydantic can also do that when it creates a class, but then every command takes longer to start.
"""

import ast
import inspect
import textwrap
from itertools import pairwise

from parallelproject.model.base import Model


def field_docs(model: type[Model]) -> dict[str, str]:
    """By field, the text below it in the class or in a class that it extends. Fields without a text are absent."""
    inherited = [field_docs(base) for base in model.__bases__ if issubclass(base, Model) and base is not Model]
    tree = ast.parse(textwrap.dedent(inspect.getsource(model)))
    (described,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    own = {
        field.target.id: inspect.cleandoc(below.value.value)
        for field, below in pairwise(described.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and isinstance(below.value.value, str)
    }
    return {name: text for docs in (*inherited, own) for name, text in docs.items()}

"""Every text file is read and written as UTF-8, whatever the locale of the machine."""

import ast
from collections.abc import Iterator
from pathlib import Path

_TOP = Path(__file__).parents[2] / "operator" / "parallelproject"
_PROGRAMS = ("run", "Popen", "check_output")


def without_encoding(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(keyword.arg in ("encoding", None) for keyword in node.keywords):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        is_found = name in ("read_text", "write_text") and isinstance(node.func, ast.Attribute)
        is_found |= name == "open" and _is_text(node)
        is_found |= name in _PROGRAMS and any(keyword.arg == "text" for keyword in node.keywords)
        if is_found:
            yield node


def _is_text(call: ast.Call) -> bool:
    """Whether a file is opened as text: its mode is the second argument of the function, the first of the method."""
    is_method = isinstance(call.func, ast.Attribute)
    if is_method and isinstance(call.func.value, ast.Name) and call.func.value.id in ("os", "urllib"):
        return False
    modes = [argument.value for argument in call.args[0 if is_method else 1 :] if isinstance(argument, ast.Constant)]
    modes += [key.value.value for key in call.keywords if key.arg == "mode" and isinstance(key.value, ast.Constant)]
    words = [mode for mode in modes if isinstance(mode, str) and mode and set(mode) <= set("rwaxbt+")]
    return (bool(words) and "b" not in words[0]) or (not is_method and not words)


def test_every_text_file_has_its_encoding() -> None:
    found = [
        f"{file.relative_to(_TOP)}:{call.lineno}"
        for file in sorted(_TOP.rglob("*.py"))
        for call in without_encoding(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not found


def test_one_without_is_found() -> None:
    good = "p.open('rb'); open(f, 'rb'); p.read_text(encoding='utf-8'); os.open(f, 0); store.open()"
    bad = "p.open('w'); open(f); p.read_text(); p.write_text(x, errors='replace'); subprocess.run(x, text=True)"
    assert not list(without_encoding(ast.parse(good)))
    assert len(list(without_encoding(ast.parse(bad)))) == 5

"""What the tests of the architecture count: files, lines, fields, methods, bodies, judgements."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@frozen
class Source:
    """One module as text and as a syntax tree.

    Attributes:
        name: Its path below the package, without the suffix.
        lines: Its lines.
        tree: Its syntax tree.
        docstrings: The numbers of the lines that docstrings take, attributes' included.
    """

    name: str
    lines: list[str]
    tree: ast.Module
    docstrings: AbstractSet[int]

    @classmethod
    def read(cls, path: Path, package: Path) -> Source:
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        name = path.relative_to(package).with_suffix("").as_posix()
        return cls(name, text.splitlines(), tree, set(_docstring_lines(tree)))

    @property
    def room(self) -> str:
        return self.name.rpartition("/")[0]

    @property
    def length(self) -> int:
        """Lines without docstrings."""
        return len(self.lines) - len(self.docstrings)

    def body_of(self, function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
        """Count the lines of a body, without docstrings and empty lines."""
        numbers = {n for node in function.body for n in _numbers(node)} - self.docstrings
        return sum(bool(self.lines[number - 1].strip()) for number in numbers)

    def nodes(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        for child in node.body if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTIONS)) else ():
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                yield from _numbers(child) if isinstance(child.value.value, str) else ()


def _numbers(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def methods_of(class_: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in class_.body if isinstance(node, FUNCTIONS)]


def is_property(method: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return "property" in map(ast.unparse, method.decorator_list)


def fields_of(class_: ast.ClassDef) -> set[str]:
    """Name what an instance holds: annotated names of the body, and what `__init__` sets."""
    names = {ast.unparse(node.target) for node in class_.body if isinstance(node, ast.AnnAssign)}
    for method in methods_of(class_):
        if method.name == "__init__":
            names |= {
                node.attr
                for node in ast.walk(method)
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
            }
    return names


def judged_types(tree: ast.AST) -> set[str]:
    """Name what an isinstance, an issubclass, a match or an except asks about."""
    asked = [tested for node in ast.walk(tree) for tested in _tested(node)]
    return {name for each in asked for name in _names(each, tree)}


def _tested(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"isinstance", "issubclass"}:
        return node.args[1:]
    if isinstance(node, ast.MatchClass):
        return [node.cls]
    return [node.type] if isinstance(node, ast.ExceptHandler) and node.type else []


def _names(expression: ast.expr, tree: ast.AST) -> set[str]:
    """Name the types of an expression; a constant of the module stands for what it lists."""
    direct = {
        node.id if isinstance(node, ast.Name) else node.attr
        for node in ast.walk(expression)
        if isinstance(node, ast.Name | ast.Attribute)
    }
    listed = [
        node.value
        for node in getattr(tree, "body", ())
        if isinstance(node, ast.Assign) and direct & {ast.unparse(t) for t in node.targets}
    ]
    return direct | {name for value in listed for name in _names(value, ast.Module([], []))}

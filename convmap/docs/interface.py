"""The page of the Python interface: signatures and docstrings, read from the sources without importing."""

from __future__ import annotations

import ast
from pathlib import Path

from convmap.docs.words import Words

MODULES = (
    "porting", "verify", "compare", "transfer", "weights", "coverage", "distributions", "numerics.core",
    "numerics.reference", "numerics.bounds", "parity.cases", "parity.runner",
)  # fmt: skip


def interface_page(words: Words) -> str:
    """Give every public function and class of the modules that users call."""
    package = Path(__file__).parent.parent
    lines = [f"# {words('api')}", ""]
    for module in MODULES:
        tree = ast.parse((package / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        lines += [f"## convmap.{module}", "", ast.get_docstring(tree) or "", ""]
        for node in tree.body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                lines += [f"### {node.name}", "", "```python", _head(node), "```", ""]
                lines += ["```text", ast.get_docstring(node) or "", "```", ""]
    return "\n".join(lines)


def _head(node: ast.FunctionDef | ast.ClassDef) -> str:
    if isinstance(node, ast.FunctionDef):
        returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
        return f"def {node.name}({ast.unparse(node.args)}){returns}"
    fields = [ast.unparse(n) for n in node.body if isinstance(n, ast.AnnAssign)]
    return "\n".join([f"class {node.name}", *(f"    {field}" for field in fields)])

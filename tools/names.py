"""What a reader of the library has to open, and which public names nobody reads.

    python tools/names.py reach masking.mask_block    the files of all functions that it needs
    python tools/names.py unread                       public names without a second reader

`reach` follows the functions that a function names, and those that they name, and so on: a reader
who wants to know all that happens opens these files. `unread` lists the functions, classes and
constants without an underscore that neither another part of the library nor a lesson nor a tool
names; tests do not count.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.notebooks import ROOT, code_cells, read, tags

PACKAGE = ROOT / "spanbert_teach"


def module_name(path: Path) -> str:
    """`spanbert_teach.masking.block` of the file masking/block.py; a door has its room's name."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def library() -> dict[str, ast.Module]:
    """All modules of the library, by name."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return {module_name(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def defined(tree: ast.Module) -> dict[str, ast.stmt]:
    """What a module defines at its top: functions, classes, constants."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [n for target in targets for n in ast.walk(target) if isinstance(n, ast.Name)]
            found |= {name.id: node for name in names}
    return found


def imported(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """The names that a module takes from the library: own name -> (module, name there)."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("spanbert_teach")
        for alias in node.names
    }


def source_of(modules: dict[str, ast.Module], module: str, name: str) -> tuple[str, str]:
    """Where a name is defined, through any doors that hand it on."""
    while module in modules and name not in defined(modules[module]):
        further = imported(modules[module]).get(name)
        if further is None:
            break
        module, name = further
    return module, name


def reach(modules: dict[str, ast.Module], module: str, function: str) -> dict[str, set[str]]:
    """The functions that a function reaches by name, itself included: module -> their names."""
    found: dict[str, set[str]] = {}
    todo = [source_of(modules, module, function)]
    while todo:
        module, name = todo.pop()
        here = defined(modules[module]).get(name) if module in modules else None
        if not isinstance(here, ast.FunctionDef | ast.ClassDef) or name in found.get(module, ()):
            continue
        found.setdefault(module, set()).add(name)
        used = {node.id for node in ast.walk(here) if isinstance(node, ast.Name)}
        for other in used:
            todo.append(source_of(modules, module, other))
    return found


# --- Names without a second reader ---------------------------------------------------------------


def words_of(path: Path) -> set[str]:
    """All names in a Python file, or in the code cells of a notebook."""
    if path.suffix == ".ipynb":
        own = [c for c in code_cells(read(path)) if not any("library:" in tag for tag in tags(c))]
        text = "\n".join(cell.source for cell in own)
    else:
        text = path.read_text(encoding="utf-8")
    return set(re.findall(r"\w+", text))


def named(part: ast.stmt) -> set[str]:
    """All names and attributes in a statement (strings, as in a door's list, are none).

    A name that is imported under another one counts: it is renamed in order to be used.
    """
    nodes = list(ast.walk(part))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    names |= {node.name for node in nodes if isinstance(node, ast.alias) and node.asname}
    return names | {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def unread(modules: dict[str, ast.Module]) -> list[str]:
    """`module.name` of each public name that only its own definition and tests know."""
    others = [*ROOT.glob("notebooks/*.ipynb"), *ROOT.glob("tools/*.py")]
    read = set().union(*map(words_of, others))
    for tree in modules.values():
        own = defined(tree)
        for part in tree.body:
            read |= {name for name in named(part) if own.get(name) is not part}
    return [
        f"{module.removeprefix('spanbert_teach.')}.{name}"
        for module, tree in modules.items()
        for name in defined(tree)
        if not name.startswith("_") and name not in read
    ]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("reach").add_argument("functions", nargs="+", metavar="MODULE.FUNCTION")
    commands.add_parser("unread")
    said = parser.parse_args(arguments)
    modules = library()
    if said.command == "unread":
        print("\n".join(unread(modules)))
        return 0
    for function in said.functions:
        module, _, name = function.rpartition(".")
        found = reach(modules, f"spanbert_teach.{module}", name)
        if not found:
            parser.error(f"the library has no function {function}")
        print(f"{function}: {len(found)} files")
        for module, names in sorted(found.items()):
            print(f"  {module.removeprefix('spanbert_teach.')}: {', '.join(sorted(names))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Make the tables of docs/reference.md from commands, settings and errors; --check only compares."""

import re
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import cast

from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from almanac import errors
from almanac.cli import EPILOG, build

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference.md"
VARIABLE = re.compile(r"# ([A-Z][A-Z0-9_]*)=(.*)")
SECTION = re.compile(r"# --- (.*?) ?---")


def commands(group: TyperGroup, name: str) -> Iterator[tuple[str, TyperCommand]]:
    """Yield every command below `group` with its full name, in the order of the help text."""
    for word, part in group.commands.items():
        if isinstance(part, TyperGroup):
            yield from commands(part, f"{name} {word}")
        elif isinstance(part, TyperCommand):
            yield f"{name} {word}", part


def usage(name: str, command: TyperCommand) -> str:
    """Return a command with its arguments, as one writes it."""
    arguments = [part for part in command.params if isinstance(part, TyperArgument)]
    return " ".join([name, *(_placeholder(argument) for argument in arguments)])


def _placeholder(argument: TyperArgument) -> str:
    name = str(argument.name).upper() + ("…" if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def options(command: TyperCommand) -> str:
    """Return the options of a command, each with its help text."""
    listed = [
        part for part in command.params if isinstance(part, TyperOption) and part.help and not part.hidden
    ]
    return " · ".join(f"`{part.opts[0]}` {_sentence(part.help)}" for part in listed)


def _sentence(text: str | None) -> str:
    return _cell((text or "").strip().rstrip("."))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def command_table() -> str:
    """Return the table of all commands."""
    rows = ["| command | what it does | options |", "|---|---|---|"]
    root = get_command(build())
    for name, command in commands(cast(TyperGroup, root), "almanac"):
        first = (command.help or "").partition("\n\n")[0]
        rows.append(f"| `{usage(name, command)}` | {_cell(first)} | {options(command)} |")
    return "\n".join(rows)


def variable_table() -> str:
    """Return one table of variables for each section of .env.example."""
    tables = []
    for section, rows in groupby(_variables(), key=lambda row: row[0]):
        head = f"**{section}**\n\n| variable | default | meaning |\n|---|---|---|"
        tables.append(
            "\n".join([head, *(f"| `{name}` | {default} | {text} |" for _, name, default, text in rows)])
        )
    return "\n\n".join(tables)


def _variables() -> Iterator[tuple[str, str, str, str]]:
    """Yield section, name, default and explanation of each variable of .env.example."""
    section, words = "", list[str]()
    for line in (ROOT / ".env.example").read_text(encoding="utf-8").splitlines():
        if heading := SECTION.fullmatch(line):
            section, words = heading[1].partition(":")[0].partition(".")[0], []
        elif variable := VARIABLE.fullmatch(line):
            default = f"`{variable[2]}`" if variable[2] else ""
            yield section, variable[1], default, _cell(" ".join(words))
            words = []
        elif line.startswith("# "):
            words.append(line.removeprefix("# "))
        else:
            words = []


def exit_code_table() -> str:
    """Return the table of exit codes."""
    pairs = re.findall(r"(\d+) ([^·]+)", EPILOG.partition(":")[2])
    rows = [
        f"| {code} | {_cell(meaning.strip().rstrip('.'))} | {_errors_with(int(code))} |"
        for code, meaning in pairs
    ]
    return "\n".join(["| code | meaning | errors |", "|---|---|---|", *rows])


def _errors_with(code: int) -> str:
    kinds = [
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, errors.AlmanacError)
    ]
    return ", ".join(sorted(f"`{kind.__name__}`" for kind in kinds if kind.exit_code == code))


def page() -> str:
    """Return docs/reference.md with every table made anew."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in (
        ("commands", command_table()),
        ("variables", variable_table()),
        ("exit codes", exit_code_table()),
    ):
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        text = text[: text.index(begin) + len(begin)] + table + "\n" + text[text.index(end) :]
    return text


def main(words: list[str]) -> int:
    """Write the page, or with --check return 1 where it differs from the code."""
    text = page()
    if words == ["--check"]:
        return int(text != PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

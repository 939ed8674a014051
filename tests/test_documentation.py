"""The documentation names what there is, and the commands it shows exist."""

import re
import subprocess
from pathlib import Path

import pytest
import typer
from typer.main import get_command

from almanac import discovery, errors
from almanac.cli import build
from almanac.settings import Settings
from serve.app import create_app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
SERVER = (ROOT / "serve" / "README.md").read_text(encoding="utf-8")


def commands() -> list[str]:
    """Return every command of the command line, below its groups."""
    root = get_command(build())
    assert isinstance(root, typer.core.TyperGroup)
    found = []
    for name, command in root.commands.items():
        found += (
            [f"{name} {below}" for below in command.commands]
            if isinstance(command, typer.core.TyperGroup)
            else [name]
        )
    return sorted(found)


def routes() -> list[str]:
    """Return every route of the server, with the workload's name left open where each workload has it."""
    app = create_app(Settings(database_url="postgresql://nobody@localhost/nowhere"))
    return sorted({re.sub(r":path\}", "}", path) for path in app.openapi()["paths"]})


def generic(route: str) -> str:
    """Return a route as the README's table spells it."""
    shared = r"/v1/\w+/(model|releases|runs/\{run\}|predictions(?:/\{entity\})?)"
    return re.sub(f"^{shared}$", r"/v1/{workload}/\1", route)


@pytest.mark.parametrize("name", discovery.names())
def test_the_readme_names_every_workload(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("name", commands())
def test_the_readme_names_every_command(name: str) -> None:
    group, _, command = name.partition(" ")
    listed = re.search(rf"`almanac {group}\b[^`]*{re.escape(command)}\b", README)
    assert listed, f"README.md does not mention: almanac {name}"


@pytest.mark.parametrize("route", routes())
def test_both_readmes_name_every_route(route: str) -> None:
    assert generic(route) in README
    assert generic(route) in SERVER or route in SERVER


@pytest.mark.parametrize("name", [field.alias for field in Settings.model_fields.values()])
def test_the_readme_names_every_variable(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("command", sorted(set(re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE))))
def test_make_knows_every_target_of_the_readme(command: str) -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert f"make {command} " in listed


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)#]+)\)", README + SERVER))))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists() or (ROOT / "serve" / link).exists()


def test_the_readme_shows_the_exit_codes_that_the_errors_have() -> None:
    codes = {
        kind.exit_code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.AlmanacError)
    }
    shown = {int(code) for code in re.findall(r"(?<=[:·] )(\d+) [a-z]", README[README.index("Exit codes") :])}
    assert codes <= shown

"""Commands about the installation: new, serve, doctor, predict-one."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from almanac import discovery, scaffold
from almanac.cli import show
from almanac.errors import AlmanacError, UsageError
from almanac.operations import doctor
from almanac.project import Project
from almanac.settings import Settings
from almanac.steps import Step
from almanac.store.schema.migrate import check


def add_to(app: typer.Typer) -> None:
    """Add these commands to the application."""
    app.command("new")(new_command)
    app.command("serve")(serve_command)
    app.command("doctor")(doctor_command)
    app.command("predict-one")(predict_one_command)


def new_command(name: Annotated[str, typer.Argument(help="Name of the new workload.")]) -> None:
    """Make a new workload: package, four notebooks and a test; it runs at once."""
    settings = Settings.read()
    for path in scaffold.create(settings.home, name):
        show.line(f"  {path.relative_to(settings.home)}")
    show.line(f"Next: almanac run {name} --sample mock")


def serve_command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 chooses a free one.")
    ] = None,
) -> None:
    """Start the thin server on the published predictions."""
    settings = Settings.read()
    project = Project(settings)
    environment = os.environ | {
        "ALMANAC_HOST": host or settings.host,
        "PORT": str(settings.port if port is None else port),
    }
    if settings.database_url is None:
        # For what is read and for what is taken in, unless they have URLs of their own.
        environment["DATABASE_URL"] = project.database.url
    project.database.engine.dispose()
    with subprocess.Popen([sys.executable, "-m", "serve"], env=environment) as server:
        # A terminal interrupts both of us; who asks this process alone to end means the server.
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            code = server.wait()
        except KeyboardInterrupt:
            code = server.wait()
    raise typer.Exit(128 - code if code < 0 else code)


def doctor_command(
    durable: Annotated[
        bool, typer.Option("--durable", help="Check instead that a champion would survive this machine.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is wrong with this installation, and the way out."""
    settings = Settings.read()
    found = doctor.examine_durability(settings) if durable else doctor.examine(settings)
    if json:
        show.as_json([vars(finding) for finding in found])
    else:
        show.table(
            "Doctor",
            ("what", "level", "detail", "advice"),
            ((row.what, row.level, row.detail, row.advice) for row in found),
        )
    wrong = [finding for finding in found if finding.level == "error"]
    if wrong:
        raise AlmanacError(
            "; ".join(
                f"{finding.what}: {finding.detail.rstrip('.')}. {finding.advice}".rstrip()
                for finding in wrong
            )
        )


def predict_one_command(
    workload: Annotated[str, typer.Argument(help="Name of a workload.")],
    inputs: Annotated[list[str], typer.Argument(help="name=value pairs, for example home='Arsenal FC'.")],
    data_as_of: Annotated[str, typer.Option(help="Cut-off date, YYYY-MM-DD.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Try the champion on one input."""
    given = dict(_pair(text) for text in inputs)
    discovery.contract(workload)
    step = Step.open(workload, "predict", slot=datetime.now(UTC).isoformat(), data_as_of=data_as_of)
    check(step.database)
    features, model = discovery.module(workload, "features"), discovery.module(workload, "model")
    if features is None or model is None or not hasattr(features, "one"):
        raise UsageError(f"'{workload}' has no function features.one, so a single input cannot be tried.")
    version = step.serving_version()
    try:
        rows = features.one(step.read, given, as_of=step.requested_date)
    except ValueError as error:
        raise UsageError(f"The input does not fit: {error}.") from error
    answer = model.predict(step.load_model(version), rows).iloc[0].to_dict()
    if json:
        show.as_json({"model_version": version, **answer})
    else:
        show.table(f"{workload}, model version {version}", ("name", "value"), answer.items())


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"'{text}' is not an input. Write name=value.")
    return name, value

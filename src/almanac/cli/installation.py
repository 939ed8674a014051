"""Commands about the installation: new, serve, doctor, predict-one."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from almanac import discovery, scaffold
from almanac.cli import secret_file, show
from almanac.cli.options import Json, name_and_value
from almanac.errors import AlmanacError, UsageError
from almanac.fields import printable
from almanac.operations import doctor
from almanac.operations.finding import Finding
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
        inside = path.is_relative_to(settings.home)
        show.line(f"  {path.relative_to(settings.home) if inside else path}")
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
    address = {
        "ALMANAC_HOST": host or settings.host,
        "PORT": str(settings.port if port is None else port),
    }
    # The server reads and stores with this URL, unless its roles have URLs of their own.
    url = {} if settings.database_url else {"DATABASE_URL": project.database.url}
    project.database.engine.dispose()
    raise typer.Exit(_serve(os.environ | address | url | _secret(settings)))


def doctor_command(
    durable: Annotated[
        bool, typer.Option("--durable", help="Check instead that a champion would survive this machine.")
    ] = False,
    json: Json = False,
) -> None:
    """Say what is wrong with this installation, and the way out."""
    settings = Settings.read()
    findings = doctor.examine_durability(settings) if durable else doctor.examine(settings)
    if json:
        show.as_json([vars(finding) for finding in findings])
    else:
        rows = [(finding.what, finding.level, finding.detail, finding.advice) for finding in findings]
        show.table("Doctor", ("what", "level", "detail", "advice"), rows)
    _refuse_errors(findings)


def predict_one_command(
    workload: Annotated[str, typer.Argument(help="Name of a workload.")],
    inputs: Annotated[list[str], typer.Argument(help="name=value pairs, for example home='Arsenal FC'.")],
    data_as_of: Annotated[str, typer.Option(help="Cut-off date, YYYY-MM-DD.")] = "",
    json: Json = False,
) -> None:
    """Try the champion on one input."""
    values = _values(inputs)
    discovery.contract(workload)
    step = Step.open(workload, "predict", slot=datetime.now(UTC).isoformat(), data_as_of=data_as_of)
    check(step.database)
    features, model = _features_and_model(workload)
    version = step.serving_version()
    rows = _features(features, replace(step, sample=step.sample_of(version)), values)
    prediction = _prediction(model, step.load_model(version), rows)
    if json:
        show.as_json({"model_version": version, **prediction})
    else:
        show.table(f"{workload}, model version {version}", ("name", "value"), prediction.items())


def _values(inputs: list[str]) -> dict[str, str]:
    """Return the inputs by their names; raises UsageError for one that is written twice or has no name."""
    values: dict[str, str] = {}
    for text in inputs:
        name, value = name_and_value(text, "is not an input. Write name=value.")
        if not name:
            raise UsageError(f"'{printable(text)}' has no name. Write name=value.")
        if name in values:
            both = f"'{printable(values[name])}' and '{printable(value)}'"
            raise UsageError(f"The input '{printable(name)}' is there twice: {both}. Write it once.")
        values[name] = value
    return values


def _prediction(model: Any, pipeline: Any, rows: Any) -> dict[str, Any]:
    """Return the prediction of one feature row; raises UsageError where the model cannot use it."""
    if not len(rows):
        raise UsageError("The input fits no case that can be predicted.")
    try:
        prediction: dict[str, Any] = model.predict(pipeline, rows).iloc[0].to_dict()
    except ValueError as error:
        raise UsageError(f"The model cannot predict this input: {error}.") from error
    return prediction


def _features_and_model(workload: str) -> tuple[Any, Any]:
    features, model = discovery.module(workload, "features"), discovery.module(workload, "model")
    if model is None or not hasattr(features, "one"):
        raise UsageError(f"'{workload}' has no function features.one, so a single input cannot be tried.")
    return features, model


def _features(features: Any, step: Step, values: dict[str, str]) -> Any:
    """Return the feature row of one input; raises UsageError where a value does not fit."""
    try:
        return features.one(step.read, values, as_of=step.requested_date)
    except ValueError as error:
        raise UsageError(f"The input does not fit: {error}.") from error


def _secret(settings: Settings) -> dict[str, str]:
    """Return the secret of the server where it needs one: the embedded installation makes its own."""
    if not settings.has_access_control or settings.secret or settings.database_url:
        return {}
    return {"ALMANAC_SECRET": secret_file.read_or_make(settings.state_folder / secret_file.NAME)}


def _serve(environment: dict[str, str]) -> int:
    """Run the server until it ends and return its exit code; SIGTERM to this process ends the server."""
    with subprocess.Popen([sys.executable, "-m", "serve"], env=environment) as server:
        # A terminal interrupts both processes; SIGTERM reaches this one alone.
        signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            code = server.wait()
        except KeyboardInterrupt:
            code = server.wait()
    return 128 - code if code < 0 else code


def _refuse_errors(findings: Iterable[Finding]) -> None:
    errors = [finding for finding in findings if finding.level == "error"]
    # The table, or the JSON, has said what to do.
    texts = [f"{error.what}: {error.detail.rstrip('.')}" for error in errors]
    if texts:
        raise AlmanacError("; ".join(texts))

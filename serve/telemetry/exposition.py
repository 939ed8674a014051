"""The text format in which Prometheus reads metrics (version 0.0.4)."""

from collections.abc import Iterable, Iterator

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import CollectorRegistry
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

# Samples that the format does not know as a part of their metric.
CREATED = "_created"


def text(registry: CollectorRegistry) -> bytes:
    """Return every metric of a registry of gauges and histograms."""
    return "".join(line for metric in registry.collect() for line in _metric(metric)).encode()


def _metric(metric: Metric) -> Iterator[str]:
    created = [sample for sample in metric.samples if sample.name.endswith(CREATED)]
    own = [sample for sample in metric.samples if sample not in created]
    yield from _block(metric.name, metric.documentation, metric.type, own)
    if created:
        yield from _block(f"{metric.name}{CREATED}", metric.documentation, "gauge", created)


def _block(name: str, doc: str, kind: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {doc}\n# TYPE {name} {kind}\n"
    for sample in samples:
        labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(sample.labels.items()))
        braces = f"{{{labels}}}" if labels else ""
        yield f"{sample.name}{braces} {_number(sample.value)}\n"


def _number(value: float) -> str:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]  # the library has no types here
    return text


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")

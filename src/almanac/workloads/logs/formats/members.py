"""Finds what a log entry says among the members of an object, by the names that many programs use."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

Object = Mapping[str, Any]

# The first of these members with a usable value counts. A dot goes into an object, unless a name has it.
CLIENT_ID: Final = ("id", "event_id", "uuid", "insertId", "event.id", "_id")
SOURCE: Final = (
    "source", "service", "service.name", "app", "application", "resource.service.name",
    "resource.attributes.service.name", "kubernetes.container_name", "kubernetes.container.name",
    "container_name", "container.name", "resource.labels.container_name", "resource.labels.service_name",
    "resource.labels.module_id", "resource.labels.function_name", "SYSLOG_IDENTIFIER", "_SYSTEMD_UNIT",
    "app_name", "appname", "program", "Properties.Application", "Application", "host", "hostname",
    "host.name", "host.hostname", "_HOSTNAME", "resource.host.name", "logName", "resource.type",
)  # fmt: skip
SESSION: Final = (
    "session", "session_id", "sessionId", "trace_id", "traceId", "TraceId", "trace.id", "@tr",
    "request_id", "requestId", "reqId", "req.id", "correlation_id", "correlationId",
    "logging.googleapis.com/trace", "trace",
)  # fmt: skip
TIME: Final = (
    "event_time", "timestamp", "@timestamp", "time", "ts", "datetime", "@t", "t.$date",
    "timestamp.$date", "eventTime", "timeUnixNano", "Timestamp", "observedTimeUnixNano",
    "_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP", "instant", "timeMillis", "timestampMs",
    "asctime", "created", "createdAt", "created_at", "dt", "date", "t", "Time", "receiveTimestamp",
    "log.time",
)  # fmt: skip
LEVEL: Final = (
    "level_name", "levelname", "level", "severity", "severityText", "SeverityText", "severity_text",
    "lvl", "log.level", "loglevel", "logLevel", "log_level", "@l", "Level", "LogLevel", "level.name",
    "level.levelStr", "s", "PRIORITY", "priority", "severityNumber", "SeverityNumber", "severity_number",
    "severityLevel", "log.syslog.severity.name", "log.syslog.severity.code", "syslog.severity.name",
    "syslog.severity.code", "levelno", "level_value", "levelValue", "l", "Severity",
)  # fmt: skip
LOGGER: Final = (
    "logger", "logger_name", "loggerName", "log.logger", "name", "component", "module", "SourceContext",
    "Properties.SourceContext", "scope.name", "category", "channel", "target", "c", "_COMM", "caller",
)  # fmt: skip
TEXT: Final = (
    "message", "msg", "text", "short_message", "MESSAGE", "@m", "RenderedMessage", "log", "event",
    "textPayload", "jsonPayload.message", "jsonPayload.msg", "jsonPayload.MESSAGE", "jsonPayload.log",
    "body", "Body", "@mt", "MessageTemplate", "Message", "log.message", "event.original",
    "fields.message", "message.message", "message.text", "full_message", "content", "error.message",
    "err.message", "err.msg", "exception.message", "protoPayload.status.message", "error", "err",
    "description", "reason", "m",
)  # fmt: skip
TRACE: Final = (
    "stack_trace", "stackTrace", "stacktrace", "exc_info", "exception.stacktrace",
    "exception.stack_trace", "exception.stack", "exception", "stack", "error.stack_trace", "error.stack",
    "error.stacktrace", "err.stack", "err.stacktrace", "@x", "Exception", "thrown.extendedStackTrace",
    "thrown.stackTrace", "traceback", "attributes.exception.stacktrace", "jsonPayload.stack_trace",
    "full_message",
)  # fmt: skip
# OTLP wraps each value in an object that names its type.
WRAPPED: Final = ("stringValue", "intValue", "doubleValue", "boolValue")


def values(members: Object, names: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """Yield name and value of those members that are there and not null."""
    for name in _present(names, tuple(members)):
        value = member(members, name)
        if value is not None:
            yield name, value


@lru_cache(maxsize=4096)
def _present(names: tuple[str, ...], keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return those names that an object with these keys may have; lines of a program have the same keys."""
    first_parts = frozenset(keys)
    return tuple(name for name in names if name in first_parts or name.partition(".")[0] in first_parts)


def member(members: Object, name: str) -> Any:
    """Return a member by its name or by its path, or None; lists of attributes are objects."""
    value = members.get(name)
    if value is None and "." in name:
        first, _, rest = name.partition(".")
        inner = members.get(first)
        if isinstance(inner, list):
            inner = attributes(inner)
        value = member(inner, rest) if isinstance(inner, Mapping) else None
    return _unwrapped(value) if isinstance(value, Mapping) else value


def attributes(pairs: list[Any]) -> Object:
    """Return an object from the pairs of key and value that OTLP writes."""
    return {pair["key"]: pair.get("value") for pair in pairs if isinstance(pair, Mapping) and _has_key(pair)}


def records(members: Object) -> list[Object]:
    """Return the objects that each say one entry: the records of OTLP, else the object itself."""
    groups = members.get("resourceLogs")
    if not isinstance(groups, list):
        return [members]
    return [
        {"resource": group.get("resource"), "scope": scope.get("scope"), **record}
        for group in _objects(groups)
        for scope in _objects(group.get("scopeLogs"))
        for record in _objects(scope.get("logRecords"))
    ]


def _objects(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _has_key(pair: Object) -> bool:
    return isinstance(pair.get("key"), str)


def _unwrapped(value: Object) -> Any:
    """Return the value that an object of OTLP wraps, else the object."""
    return next((value[name] for name in WRAPPED if name in value), value) if len(value) == 1 else value

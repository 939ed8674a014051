"""The terms of log messages: levels, severity, templates, traces."""

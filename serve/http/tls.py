"""The certificate and the key with which the server itself speaks TLS."""

import ssl
from pathlib import Path

from almanac.errors import UsageError
from almanac.settings import Settings

BOTH = "ALMANAC_TLS_CERT and ALMANAC_TLS_KEY belong together; {missing} is not set."
UNUSABLE = (
    "The server cannot speak TLS with ALMANAC_TLS_CERT={certificate} and ALMANAC_TLS_KEY={key}: {reason}. "
    "Both are PEM files that this user may read; "
    "the certificate begins with the server's own, the key has no password."
)


def files(settings: Settings) -> tuple[str | None, str | None]:
    """Return the files of certificate and key, None where the server speaks plain HTTP.

    Raises UsageError where one is missing or they do not fit each other.
    """
    certificate, key = settings.tls_cert, settings.tls_key
    if certificate is None and key is None:
        return None, None
    if certificate is None or key is None:
        missing = "ALMANAC_TLS_CERT" if certificate is None else "ALMANAC_TLS_KEY"
        raise UsageError(BOTH.format(missing=missing))
    _check(certificate, key)
    return str(certificate), str(key)


def _check(certificate: Path, key: Path) -> None:
    # Without this OpenSSL would ask for a password at the terminal.
    no_password = b""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, lambda: no_password)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or type(error).__name__
        raise UsageError(UNUSABLE.format(certificate=certificate, key=key, reason=reason)) from None

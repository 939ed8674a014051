"""Hides secrets in a line: values of telling names, options of commands, logins, keys that issuers mark."""

import re
from typing import Final

from almanac.workloads.logs.shared import secret_names
from almanac.workloads.logs.shared.secret_values import MASK, QUOTED, VALUE, after

PEM: Final = re.compile(r"-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|$)")
# Keys that issuers mark by how they begin, as gitleaks and detect-secrets list them.
MARKED: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:A[KS]IA|AGPA|AIDA|AROA|LTAI)[A-Z0-9]{12,}|hf_[A-Za-z0-9]{30,}|"
    r"npm_[A-Za-z0-9]{30,}|"
    r"sk-[\w-]{20,}|(?:AIza|ya29\.|gh[pousr]_|github_pat_|gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|"
    r"soat|ffct)-|"
    r"xox[a-z]-|xapp-|[sr]k_(?:live|test)_|SG\.|pypi-Ag|hv[sb]\.|dop_v1_|dckr_pat_|shpat_|"
    r"sq0[a-z]{3}-|EAA[A-Z]|"
    r"AGE-SECRET-KEY-|eyJ|lin_api_|ATATT|figd_|glsa_|PMAK-|ops_eyJ|rubygems_)[\w./+=~-]{16,})"
)
USER: Final = r"(?<!\S)[\"']?(?:-u|--user|--proxy-user|--userpwd)"
USERS: Final = (
    after(rf"{USER}(?:[\s=]+|[\"'],\s*)", QUOTED),
    after(rf"{USER}[\s=]+", rf"[^\s:\"']+:{VALUE}"),
    after(r"(?<!\S)-u(?=[^\s:=]+:)"),
)
# Programs whose options -p, -P, -a, -w or -pw take a password.
PROGRAMS: Final = re.compile(
    r"(?i)\b(?:mysql\w*|mariadb\w*|sshpass|mongo\w*|docker|podman|7z\w?|unzip|zip|sqlcmd|bcp|plink|pscp|"
    r"redis-cli|ldap\w+|smbclient|htpasswd|mosquitto_\w+|influx|cqlsh|rabbitmqadmin|az|oc|openssl|curl)\b"
)
OPTION: Final = re.compile(
    rf"(?P<before>(?<!\S)-(?:pw|[pPaw])(?:\s+(?!-)|(?=[^\s-])))(?!\d+(?::\d+)?(?:\s|$)){VALUE}"
)
# User and password before the host: of a URL the whole goes, of other addresses what stands before the @.
LOGINS: Final = (
    re.compile(r"(?i)[a-z][a-z0-9+.-]*://[^\s:/@]*:(?:(?![\"'][,}\]\s:])\S)*@[^\s\"')\]}>]*"),
    re.compile(r"(?<![\w/])[\w.+-]+:[^\s\"'<>/@][^\s\"'<>@]*@(?=[\w(\[])"),
)
# Strings with quotes inside, which the plain rules of masking would end too early.
STRINGS: Final = re.compile(r"\"(?:[^\"\\]|\\.)*\"|(?<![^\s=:(\[])'(?:[^'\\]|\\.)*'|\\+\".*?(?<!\\)\\+\"")
WORDS_IN_HINT: Final = (
    r"pass[ _-]?(?:w|ph|co|ke)|pass[^a-z]|pwd|psk|kennwort|contrase|senha|wachtwoord|пароль|密码|secret|"
    r"token|credential|bearer|jwt|signature|requirepass|masterauth|connection[ _-]?string|"
    r"session[_-]?id|phpsessid|"
    rf"connect\.sid|(?:{secret_names.KEYS})[ _.-]?key|authorization|cookie|basic |identified|-----begin|"
    r"(?:^|[^a-z])(?:pw|pat|sig|otp|pin|cvv)[^a-z]"
)
MARKS_IN_HINT: Final = (
    r"AKIA|ASIA|AGPA|AIDA|AROA|AIza|ya29|gh[pousr]_|github_pat|gl[a-z]{2,5}-|xox|xapp-|k_live|k_test|"
    r"sk-|SG\.|"
    r"npm_|pypi-|hv[sb]\.|dop_v1|dckr_|shpat|sq0|EAA|AGE-|eyJ|lin_api|ATATT|figd_|hf_|glsa_|PMAK|"
    r"LTAI|ops_|rubygems_"
)
# In the dialect that Python's `re` and RE2 share; a line without any of these has nothing to hide.
HINT: Final = (
    rf"(?i:{WORDS_IN_HINT})|{MARKS_IN_HINT}|(?:^|[^A-Z])AUTH |[A-Za-z0-9]:[^ @]+@|\\[\"']|"
    r"(?:^|[ \"'])(?:-u|-p|-[Paw]|--user|--proxy-user)"
)


def hide(line: str) -> str:
    """Return a line with <*> in place of each secret.

    >>> hide('login with password "sword\\\\"fish" as anna')
    'login with password <*> as anna'
    """
    if "-----BEGIN" in line:
        line = PEM.sub(MASK, line)
    line = _of_options(_of_names(line))
    if "@" in line:
        line = LOGINS[1].sub(f"{MASK}@", LOGINS[0].sub(MASK, line))
    line = MARKED.sub(MASK, line)
    return STRINGS.sub(MASK, line) if '\\"' in line or "\\'" in line else line


def _of_names(line: str) -> str:
    parts: list[str] = []
    end = 0
    for begin, until in secret_names.values(line):
        parts += line[end:begin], MASK
        end = until
    return "".join([*parts, line[end:]])


def _of_options(line: str) -> str:
    if "-" not in line:
        return line
    for option in USERS:
        line = option.sub(rf"\g<before>{MASK}", line)
    return OPTION.sub(rf"\g<before>{MASK}", line) if PROGRAMS.search(line) else line

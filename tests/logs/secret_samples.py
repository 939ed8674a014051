"""Secrets of many shapes, and the places in log lines where secrets stand."""

import json
from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape

from hypothesis import strategies as st

# In two parts, since a check refuses files that seem to hold a key.
KEY = "PRIVATE " + "KEY"

LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
UPPER: Final = LOWER.upper()
DIGITS: Final = "0123456789"
HEX: Final = "0123456789abcdef"
ALNUM: Final = LOWER + UPPER + DIGITS
URLSAFE: Final = ALNUM + "-_"
BASE64: Final = ALNUM + "+/"


def of(alphabet: str, least: int, most: int, before: str = "", after: str = "") -> st.SearchStrategy[str]:
    """Return texts of an alphabet, with a beginning and an end."""
    body = st.text(st.sampled_from(alphabet), min_size=least, max_size=most)
    return body.map(lambda text: f"{before}{text}{after}")


def joined(separator: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Return parts side by side."""
    return st.tuples(*parts).map(separator.join)


WORD: Final = of(LOWER, 5, 9, before="zq")
SHAPES: Final[dict[str, st.SearchStrategy[str]]] = {
    "word": WORD,
    "capitals": of(UPPER, 6, 16, before="ZQ"),
    "mixed": of(LOWER + UPPER, 8, 24, before="zQ"),
    "digits": of(DIGITS, 6, 16),
    "alnum": of(ALNUM, 12, 32, before="zq"),
    "hex32": of(HEX, 32, 32),
    "hex64": of(HEX, 64, 64),
    "hex letters": of("abcdef", 32, 32),
    "uuid": joined("-", *(of(HEX, size, size) for size in (8, 4, 4, 4, 12))),
    "base64": of(BASE64, 20, 40, after="=="),
    "base64 letters": of(LOWER + UPPER, 22, 34, after="="),
    "urlsafe": of(URLSAFE, 24, 43, before="z"),
    "dots": joined(".", WORD, WORD, WORD),
    "hyphens": joined("-", WORD, WORD, WORD),
    "underscores": joined("_", WORD, WORD),
    "plus": joined("+", WORD, WORD),
    "exclamation": joined("!", WORD, WORD),
    "hash": joined("#", WORD, WORD),
    "percent": joined("%", WORD, WORD),
    "at": joined("@", WORD, WORD),
    "dollar": joined("$", WORD, WORD),
    "caret": joined("^", WORD, WORD),
    "asterisk": joined("*", WORD, WORD),
    "tilde": joined("~", WORD, WORD),
    "slash": joined("/", WORD, WORD),
    "colon": joined(":", WORD, WORD),
    "equals": joined("=", WORD, WORD),
    "question": joined("?", WORD, WORD),
    "umlauts": of("äöüßéñçø", 4, 9, before="zq"),
    "cyrillic": of("абвгдежзик", 8, 12),
    "chinese": of("钥匙密文隐藏", 6, 9),
    "jwt": joined(
        ".", of(URLSAFE, 20, 30, before="eyJ"), of(URLSAFE, 20, 40, before="eyJ"), of(URLSAFE, 30, 43)
    ),
    "aws id": of(UPPER, 16, 16, before="AKIA"),
    "aws secret": of(BASE64, 40, 40),
    "github": of(LOWER + UPPER, 36, 36, before="ghp_"),
    "gitlab": of(LOWER + UPPER, 20, 20, before="glpat-"),
    "slack": joined("-", of(DIGITS, 11, 12, before="xoxb-"), of(DIGITS, 11, 12), of(ALNUM, 24, 24)),
    "google": of(LOWER + UPPER, 35, 35, before="AIza"),
    "stripe": of(LOWER + UPPER, 24, 24, before="sk_live_"),
    "openai": of(LOWER + UPPER, 40, 48, before="sk-"),
    "npm": of(LOWER + UPPER, 36, 36, before="npm_"),
    "sendgrid": joined(".", of(LOWER + UPPER, 22, 22, before="SG."), of(LOWER + UPPER, 43, 43)),
    "bcrypt": of(LOWER + UPPER + "./", 53, 53, before="$2b$12$"),
}
# These need quotes around them in most places.
QUOTED_SHAPES: Final[dict[str, st.SearchStrategy[str]]] = {
    "spaces": joined(" ", WORD, WORD, WORD),
    "comma": joined(",", WORD, WORD),
    "semicolon": joined(";", WORD, WORD),
    "ampersand": joined("&", WORD, WORD),
    "parenthesis": joined("(", WORD, WORD),
    "bracket": joined("]", WORD, WORD),
    "brace": joined("}", WORD, WORD),
    "less": joined("<", WORD, WORD),
    "double quote": joined('"', WORD, WORD),
    "single quote": joined("'", WORD, WORD),
    "backslash": joined("\\", WORD, WORD),
}


def _json(secret: str) -> str:
    return json.dumps(secret, ensure_ascii=False)


def _shell(secret: str) -> str:
    return "'" + secret.replace("'", "'\\''") + "'"


def _attribute(secret: str) -> str:
    return '"' + escape(secret, {'"': "&quot;"}) + '"'


# Places that take any secret, because they quote it.
QUOTING: Final[dict[str, Callable[[str], str]]] = {
    "JSON": lambda s: f'{{"user":"anna","password":{_json(s)},"ok":true}}',
    "JSON with spaces": lambda s: f'sent {{"clientSecret": {_json(s)}, "id": "x"}}',
    "JSON in JSON": lambda s: _json(json.dumps({"password": s, "user": "anna"}, ensure_ascii=False)),
    "bare JSON in JSON": lambda s: _json(json.dumps({"token": s, "a": "b"}, ensure_ascii=False))[1:-1],
    "YAML": lambda s: f"secretKey: {_json(s)}",
    "XML attribute": lambda s: f'<user name="anna" password={_attribute(s)}/>',
    "XML property": lambda s: f'<property name="db.password" value={_attribute(s)}/>',
    "XML element": lambda s: f"<auth><password>{escape(s)}</password><user>anna</user></auth>",
    "SOAP element": lambda s: f'<wsse:Password Type="Text">{escape(s)}</wsse:Password>',
    "option": lambda s: f"run: deploy --password {_json(s)} --verbose",
    "env of Kubernetes": lambda s: f'{{"name":"DB_PASSWORD","value":{_json(s)}}}',
    "Python": lambda s: f"config = {{'api_key': {_json(s)}}}",
    "SQL": lambda s: "ALTER USER anna PASSWORD '" + s.replace("'", "''") + "' VALID",
    "arguments": lambda s: f'exec ["mysql", "--password", {_json(s)}]',
}
# Places that take secrets without spaces, quotes and brackets.
BARE: Final[dict[str, Callable[[str], str]]] = {
    "assignment": lambda s: f"login failed: password={s}",
    "assignment in a list": lambda s: f"login(user=anna, password={s}, retry=no)",
    "colon": lambda s: f"cannot connect, passphrase: {s}",
    "camel case": lambda s: f"loaded secretKey: {s}",
    "rails": lambda s: f"secret_key_base: {s}",
    "env": lambda s: f"export DB_PASS={s}",
    "short": lambda s: f"wifi ssid=home psk={s}",
    "ini": lambda s: f"pass = {s}",
    "prose": lambda s: f"the password is {s}",
    "prose with name": lambda s: f"the password for anna was {s}",
    "header token": lambda s: f"Authorization: Token {s}",
    "header basic": lambda s: f"> Authorization: Basic {s}",
    "header bearer": lambda s: f"headers: {{'Authorization': 'Bearer {s}', 'Accept': '*/*'}}",
    "header without scheme": lambda s: f"authorization={s}",
    "header key": lambda s: f"X-Api-Key: {s}",
    "cookie": lambda s: f"Cookie: theme=dark; session={s}; lang=de",
    "set-cookie": lambda s: f"Set-Cookie: sid={s}; Path=/; HttpOnly",
    "curl header": lambda s: f"curl -H 'Cookie: session={s}' https://shop.example/",
    "curl user": lambda s: f"curl -s -u anna:{s} https://shop.example/api",
    "curl user joined": lambda s: f"curl -uanna:{s} https://shop.example/api",
    "option": lambda s: f"started tool --password {s} --verbose",
    "option with equals": lambda s: f"started tool --db-password={s} --verbose",
    "mysql": lambda s: f"mysql -u root -p{s} shop",
    "sshpass": lambda s: f"sshpass -p {s} ssh anna@box",
    "url query": lambda s: f"GET https://shop.example/api?token={s}&page=next",
    "path query": lambda s: f"GET /api?access_token={s}&page=next HTTP/1.1",
    "connection string": lambda s: f"Server=db;User Id=sa;Password={s};Database=shop",
    "netrc": lambda s: f"machine api.example login anna password {s}",
    "sql": lambda s: f"CREATE USER anna IDENTIFIED BY '{s}'",
    "redis": lambda s: f"requirepass {s}",
    "java": lambda s: f"java -Djavax.net.ssl.keyStorePassword={s} -jar app.jar",
    "go struct": lambda s: f"config {{User:anna Password:{s} Port:none}}",
    "arrow": lambda s: f"[password => {s}]",
    "PEM": lambda s: f"key -----BEGIN RSA {KEY}-----\\n{s}\\n-----END RSA {KEY}----- loaded",
    "npmrc": lambda s: f"//registry.example/:_authToken={s}",
    "dockerfile": lambda s: f"ENV API_TOKEN {s}",
}

"""Access: who may read and write, with users, tokens, cookies and keys."""


import psycopg

from almanac.settings import Settings
from tests.servers import in_thread

SECRET = "a secret of the tests with more than 32 bytes"


def test_smoke(database_url: str) -> None:
    with in_thread(Settings(database_url=database_url, auth="on", secret=SECRET)) as client:
        with psycopg.connect(database_url, autocommit=True) as c:
            from uuid import uuid4

            from serve.users.passwords import make_argon2

            c.execute(
                "SELECT api.access_add_user(%s,%s,%s,%s,%s)",
                (uuid4(), "anna", "admin", make_argon2().hash("a long password!"), "x"),
            )
        r = client.post("/v1/auth/login", json={"username": "anna", "password": "a long password!"})
        print(r.status_code, r.headers, r.text)
        t = r.json()
        for path in (
            "/livez",
            "/v1/workloads",
            "/metrics",
            "/openapi.json",
            "/v1/auth/me",
            "/v1/auth/sessions",
            "/v1/users",
            "/v1/keys",
            "/v1/audit",
        ):
            a = client.get(path)
            b = client.get(path, headers={"authorization": "Bearer " + t["access_token"]})
            print(path, a.status_code, b.status_code, b.text[:300])
        r2 = client.post("/v1/auth/refresh", json={"refresh_token": t["refresh_token"]})
        print(r2.text)
        r = client.post(
            "/v1/keys",
            json={"name": "prom", "scopes": ["metrics"]},
            headers={"authorization": "Bearer " + t["access_token"]},
        )
        print(r.text)
        print(client.get("/metrics", headers={"x-api-key": r.json()["key"]}).status_code)
        print(client.post("/v1/auth/logout", headers={"authorization": "Bearer " + t["access_token"]}).text)
        print(client.get("/v1/auth/me", headers={"authorization": "Bearer " + t["access_token"]}).text)
    assert 0

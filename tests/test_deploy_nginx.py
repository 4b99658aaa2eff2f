"""What deploy/nginx configures does its work: a real nginx before two real processes."""

import asyncio
import datetime
import ipaddress
import json
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.client import PATIENCE, Client, session
from tests.events import Stream
from tests.nginx import Nginx, running_nginx
from tests.redis import running_redis
from tests.server import ROOT, Server, free_port, migrated

# Two servers, their database and all static files are made before the first of these begins.
pytestmark = pytest.mark.timeout(300)

CONFIGURATION = ROOT / "deploy/nginx"
ENDLESS = "".join(f"{number} " for number in range(1000))
FORGED = {
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Port": "81",
    "X-Forwarded-Host": "evil.example",
    "X_Forwarded_For": "203.0.113.7",
    "X-Real-IP": "203.0.113.7",
    "Forwarded": "for=203.0.113.7;proto=https",
    "Daphne-Root-Path": "/evil",
}
MODULE = "vendor/markdown-it/markdown-it.esm.min.mjs"
BROWSER = {"Accept": "text/html,application/xhtml+xml"}


@dataclass
class Site:
    """The chat as the world sees it, over HTTPS, and what stands behind it."""

    servers: list[Server]
    nginx: Nginx
    plain: int  # the port without TLS
    certificate: Path
    key: str

    @property
    def url(self) -> str:
        return self.nginx.url.replace("http", "https")

    def http(self, **options: Any) -> httpx.Client:
        context = ssl.create_default_context(cafile=self.certificate)
        patient = {"timeout": PATIENCE, "trust_env": False, **options}
        return httpx.Client(base_url=self.url, verify=context, **patient)

    def asked_from(self) -> str:
        """Return all that the servers know of where requests came from."""
        return "".join(server.log.with_name("access.log").read_text() for server in self.servers)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, collected: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    certificate = certified(folder)
    plain, secure = free_port(), free_port()
    listen = moved("tls.conf", secure, folder) + f"listen 127.0.0.1:{plain};\n"
    with running_redis(folder) as redis, pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        servers = [behind(folder / name, redis.url, collected) for name in ("first", "second")]
        (folder / "both.sqlite3").write_bytes(migrated())
        for server in servers:
            server.start()
        servers[0].manage("reply", "endless", "--text", ENDLESS, "--speed", "20")
        rule = ("--trigger", "keyword", "--keywords", "slowly")
        servers[0].manage("reply", "slow", "--text", ENDLESS, "--speed", "2", *rule)
        nginx = Nginx(folder, [server.port for server in servers], collected, listen)
        nginx.port = secure
        nginx.start()
        try:
            yield Site(servers, nginx, plain, certificate, servers[0].account("alice"))
        finally:
            nginx.stop()
            for server in servers:
                server.stop()


def behind(folder: Path, redis: str, static: Path) -> Server:
    folder.mkdir()
    server = Server(folder, REDIS_URL=redis, SECURE_PROXY="1", STATIC_ROOT=str(static))
    server.environment["DATABASE_URL"] = f"sqlite:///{folder.parent / 'both.sqlite3'}"
    server.options = ("--proxy-headers", "--access-log", str(folder / "access.log"))
    return server


def plainly(port: int) -> httpx.Client:
    """Ask without TLS."""
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE, trust_env=False)


def moved(name: str, port: int, folder: Path) -> str:
    """Return a file of deploy/nginx, for another port and for files in `folder`."""
    text = (CONFIGURATION / name).read_text()
    text = re.sub(r"listen \[::\]:.*\n", "", text)  # not every machine has IPv6
    text = re.sub(r"listen \d+", f"listen 127.0.0.1:{port}", text)
    for there in ("/etc/nginx/tls", "/var/www/acme", "/var/log/nginx", "/dev"):
        text = text.replace(f"{there}/", f"{folder}/").replace(f"{there};", f"{folder};")
    return text


def certified(folder: Path) -> Path:
    """Make a certificate for this machine that nobody else has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    here = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([here]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    unprotected = serialization.NoEncryption()
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, unprotected)
    (folder / "privkey.pem").write_bytes(text)
    (folder / "fullchain.pem").write_bytes(made.public_bytes(pem))
    return folder / "fullchain.pem"


# --- the way in --------------------------------------------------------------------------------


def test_pages_and_files(site: Site) -> None:
    with site.http() as http:
        page = http.get("/")
        assert page.status_code == 200
        assert "Content-Encoding" not in page.headers, "a page holds the secret of its forms"
        assert "max-age=31536000" in page.headers["Strict-Transport-Security"]
        assert page.headers["Server"] == "nginx"
        paths = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert len(paths) > 20
        # Loaded later, by names that the page does not have.
        manifest = Path(site.nginx.variables["CHAT_STATIC"]) / "staticfiles.json"
        module = json.loads(manifest.read_text())["paths"][MODULE]
        for path in {*paths, f"/static/{module}"}:
            file = http.get(path)
            assert file.status_code == 200, path
            assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable", path
            assert file.headers["X-Content-Type-Options"] == "nosniff", path
            if path.endswith(("js", "css")):
                assert file.headers["Content-Type"].endswith("; charset=utf-8"), path
                assert file.headers["Content-Type"].startswith("text/"), path
                small = len(file.content) < 1024
                assert small or file.headers["Content-Encoding"] == "gzip", path
        plain = http.get("/static/chat/chat.js")
        assert plain.headers["Cache-Control"] == "public, max-age=60"
        assert http.get("/static/none.js").status_code == 404
        assert http.get("/static/../db.sqlite3").status_code == 404
        assert http.get("/static/..%2f..%2fboth.sqlite3").status_code in (400, 404)
        assert http.get("/healthz").status_code == http.get("/readyz").status_code == 200
        assert http.get("/metrics").status_code == 404


async def test_characters_come_one_by_one(site: Site) -> None:
    cookie = await asyncio.to_thread(session, site.url)
    async with Client(site.url, origin=site.url, cookie=cookie) as alice:
        reply = await alice.post("hello")
        await alice.until(lambda _: len(alice.chars(reply)) > 5)
        assert {len(char) for char in alice.chars(reply)} == {1}
        assert reply not in alice.ends, "it goes on for minutes"
        await alice.send("reply.stop", reply=reply)
        assert (await alice.end(reply))["status"] == "stopped"


async def test_events_come_at_once(site: Site) -> None:
    """And not when the buffer of a proxy, or of its compressor, is full."""
    context = ssl.create_default_context(cafile=site.certificate)
    asked = {"user_id": "bob", "message": "slowly"}
    headers = {"Authorization": f"Bearer {site.key}", "Accept-Encoding": "gzip"}
    async with (
        httpx.AsyncClient(
            base_url=site.url, verify=context, timeout=PATIENCE, trust_env=False
        ) as http,
        http.stream("POST", "/chat/stream", json=asked, headers=headers) as answer,
    ):
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert "Content-Encoding" not in answer.headers
        events = await Stream(answer).read(5)
        assert ENDLESS.startswith("".join(event.json["delta"] for event in events))
        assert len(events) < 80, "less than any of them has room for"


@pytest.mark.parametrize("name", ["redirect", "unprivileged_redirect"])
def test_http_is_sent_to_https(site: Site, tmp_path: Path, name: str) -> None:
    port = free_port()
    (tmp_path / ".well-known/acme-challenge").mkdir(parents=True)
    (tmp_path / ".well-known/acme-challenge/token").write_text("proof")
    ports = [server.port for server in site.servers]
    nginx = Nginx(tmp_path, ports)
    (nginx.folder / "conf.d/redirect.conf").write_text(moved(f"{name}.conf", port, tmp_path))
    nginx.start()
    try:
        with plainly(port) as http:
            answer = http.get("/c/1/?a=b", headers={"Host": "chat.example.org"})
            assert answer.status_code == 308
            assert answer.headers["Location"] == "https://chat.example.org/c/1/?a=b"
            if name == "redirect":
                assert http.get("/.well-known/acme-challenge/token").text == "proof"
            else:  # the container's engine asks there
                assert http.get("/healthz").status_code == 200
    finally:
        nginx.stop()


def test_tls_is_of_today(site: Site) -> None:
    def spoken(newest: ssl.TLSVersion) -> ssl.SSLSocket:
        context = ssl.create_default_context(cafile=site.certificate)
        context.set_alpn_protocols(["h2", "http/1.1"])
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.minimum_version = min(newest, ssl.TLSVersion.TLSv1_2)
        context.maximum_version = newest
        line = socket.create_connection(("127.0.0.1", site.nginx.port), timeout=20)
        return context.wrap_socket(line, server_hostname="127.0.0.1")

    with spoken(ssl.TLSVersion.TLSv1_3) as line:
        assert (line.version(), line.selected_alpn_protocol()) == ("TLSv1.3", "h2")
    with spoken(ssl.TLSVersion.TLSv1_2) as line:
        assert "ECDHE" in line.cipher()[0]


# --- who asks ----------------------------------------------------------------------------------


def test_nobody_says_who_or_how_they_are(site: Site) -> None:
    with site.http(headers=FORGED) as http:
        page = http.get("/accounts/login/")
        assert page.status_code == 200
        assert "/evil" not in page.text
    with plainly(site.plain) as http:
        assert http.get("/", headers=FORGED).status_code == 301, "it did not come over HTTPS"
    assert "127.0.0.1:" in site.asked_from()
    assert "203.0.113.7" not in site.asked_from()


def test_limits_hold_for_who_says_to_be_somebody_else(site: Site) -> None:
    with site.http(headers={"Referer": f"{site.url}/"}) as http:
        page = http.get("/accounts/login/")
        token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[0]
        statuses = [
            http.post(
                "/accounts/login/",
                data={"login": f"dora{n}", "password": "wrong", "csrfmiddlewaretoken": token},
                headers={"X-Forwarded-For": f"203.0.113.{n}"},
            )
            for n in range(11)
        ]
    assert "Too many" not in statuses[0].text
    assert "Too many" in statuses[-1].text


def test_balancer_before_it_is_believed(site: Site, tmp_path: Path) -> None:
    listen = moved("behind.conf", port := free_port(), tmp_path)
    ports = [server.port for server in site.servers]
    headers = {"X-Forwarded-For": "203.0.113.7, 198.51.100.9", "X-Forwarded-Proto": "https"}
    for trusts in (False, True):
        (folder := tmp_path / str(trusts)).mkdir()
        network = "set_real_ip_from 127.0.0.1;\n" if trusts else ""
        nginx = Nginx(folder, ports, listen=listen + network)
        nginx.port = port
        nginx.start()
        try:
            status = httpx.get(
                f"http://127.0.0.1:{port}/", headers=headers, timeout=PATIENCE
            ).status_code
            assert status == (200 if trusts else 301)
            assert ("198.51.100.9" in site.asked_from()) == trusts
        finally:
            nginx.stop()
    assert "203.0.113.7" not in site.asked_from(), "which the client may have made up"


def test_log_tells_nothing_that_opens_a_door(site: Site) -> None:
    with site.http(headers={"Authorization": f"Bearer {site.key}"}) as http:
        http.get("/s/hidden-link/")
        http.get("/s/hidden-link/?text=hidden-words", headers={"Referer": f"{site.url}/s/hidden/"})
        http.get("/api/history/hidden-name?limit=5")
        http.get("/accounts/password/reset/key/hidden-key/")
        http.get("/accounts/password/reset/key/done/")
        http.get("/healthz")  # on the same line: by then all before it is in the log
    log = (site.certificate.parent / "access.log").read_text()
    assert '"GET /s/.../" ' in log
    assert '"GET /api/history/..." ' in log
    assert '"GET /accounts/password/reset/key/done/" ' in log
    assert "hidden" not in log


# --- too much ----------------------------------------------------------------------------------


def test_too_large(site: Site) -> None:
    with site.http(headers={"Authorization": f"Bearer {site.key}"}) as http:
        for length in (1024 * 1024, 13 * 1024 * 1024):
            answer = http.post("/chat", content=b"x" * length)
            assert answer.status_code == 413
            assert answer.json()["code"] == "too_large"
        assert http.get("/chat-stream", params={"message": "x" * 32_001}).status_code == 422


def pipelined(nginx: Nginx, path: str, times: int, accept: str = "*/*") -> str:
    """Ask again and again on one line, without waiting; return the answers."""
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {accept}\r\n"
    with socket.create_connection(("127.0.0.1", nginx.port), timeout=20) as line:
        line.sendall(f"{request}\r\n".encode() * (times - 1))
        line.sendall(f"{request}Connection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: line.recv(65536), b"")).decode()


def statuses(answers: str) -> list[int]:
    return [int(status) for status in re.findall(r"HTTP/1\.1 (\d+)", answers)]


def test_one_address_takes_only_so_much(tmp_path: Path) -> None:
    nobody = [free_port()]
    with running_nginx(tmp_path / "limited", nobody) as nginx:
        answers = pipelined(nginx, "/", 400)
        assert {*statuses(answers)} == {503, 429}
        assert statuses(answers)[:200] == [503] * 200
        refused = answers.partition("HTTP/1.1 429")[2].partition("HTTP/1.1")[0]
        assert '"rate_limited"' in refused
        assert "Retry-After: 5" in refused
        assert "Too much</title>" in pipelined(nginx, "/", 400, accept="text/html")
        files = statuses(pipelined(nginx, "/static/none.css", 400))
        assert {*files} == {503}, "files are not counted"
    free = {"CHAT_UNLIMITED": "127.0.0.1 0;"}
    with running_nginx(tmp_path / "free", nobody, None, "", **free) as nginx:
        assert {*statuses(pipelined(nginx, "/", 400))} == {503}


def test_one_address_has_only_so_many_lines(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path, [free_port()])
    configuration = nginx.folder / "conf.d/chat.conf"
    text = configuration.read_text()
    assert "limit_conn chat_connections 500;" in text
    configuration.write_text(text.replace("chat_connections 500;", "chat_connections 5;"))
    nginx.start()
    waits = "Content-Length: 9\r\nExpect: 100-continue"  # so that it says when it counts
    begun = f"POST / HTTP/1.1\r\nHost: localhost\r\n{waits}\r\n\r\n".encode()
    lines = []
    try:
        for _ in range(5):
            lines.append(socket.create_connection(("127.0.0.1", nginx.port), timeout=20))
            lines[-1].sendall(begun)
            assert b" 100 " in lines[-1].recv(100)
        assert statuses(pipelined(nginx, "/", 1)) == [429]
    finally:
        for line in lines:
            line.close()
        nginx.stop()


# --- processes that end ------------------------------------------------------------------------


@pytest.mark.parametrize("which", [0, 1])
async def test_processes_are_restarted_one_after_the_other(site: Site, which: int) -> None:
    """Nobody who asks notices; who watches is sent to the other process, and goes on there."""
    server = site.servers[which]
    cookie = await asyncio.to_thread(session, site.url)
    with site.http(headers={"Authorization": f"Bearer {site.key}"}) as http:
        alice, *others = (Client(site.url, origin=site.url, cookie=cookie) for _ in range(4))
        async with alice, others[0], others[1], others[2]:  # at one process or the other
            reply = await alice.post("hello")
            await alice.until(lambda _: len(alice.chars(reply)) > 5)
            await asyncio.to_thread(server.stop)
            reading = [client._reading for client in (alice, *others)]
            await asyncio.wait(reading, return_when=asyncio.FIRST_COMPLETED, timeout=PATIENCE)
            assert [http.get("/").status_code for _ in range(4)] == [200] * 4
            posted = http.post("/api/v1/conversations", json={"title": "meanwhile"})
            assert posted.status_code == 201, posted.text
            gone = [client for client in (alice, *others) if client._reading.done()]
            assert {await client.closed() for client in gone} == {1012}
        again = Client(site.url, alice.own_path, origin=site.url, cookie=cookie)
        async with again:
            assert again.texts[reply].startswith(alice.texts[reply])
            await again.until(lambda _: len(again.chars(reply)) > 5)
            assert ENDLESS.startswith(again.texts[reply])
            await again.send("reply.stop", reply=reply)
            await again.end(reply)
    await asyncio.to_thread(server.start)


def test_while_nobody_is_there(site: Site, tmp_path: Path) -> None:
    with running_nginx(tmp_path, [free_port(), free_port()]) as nginx:
        for headers in ({}, BROWSER):
            answer = httpx.get(nginx.url, headers=headers, timeout=PATIENCE)
            assert answer.status_code == 503
        assert answer.headers["Refresh"] == "2"
        assert httpx.get(nginx.url, timeout=PATIENCE).json()["code"] == "unavailable"


# --- all of it can be read ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "behind", "tls", "unprivileged", "unprivileged_tls"])
def test_configuration_is_valid(tmp_path: Path, name: str) -> None:
    certified(tmp_path)
    nginx = Nginx(tmp_path, [1, 2], listen=moved(f"{name}.conf", free_port(), tmp_path))
    if name.endswith("tls"):
        redirect = name.replace("tls", "redirect")
        text = moved(f"{redirect}.conf", free_port(), tmp_path)
        (nginx.folder / f"conf.d/{redirect}.conf").write_text(text)
    assert "[warn]" not in nginx.checked()


def test_container_has_a_valid_one(tmp_path: Path) -> None:
    """With the variables that compose.yaml gives, but for names that only Docker can resolve."""
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["nginx"]
    found = service["environment"]["CHAT_SERVERS"]
    servers, count = re.subn(r"resolver \S+ \S+; server \S+ resolve", "server 127.0.0.1:1", found)
    assert count == 1
    listen = moved("unprivileged.conf", free_port(), tmp_path)
    nginx = Nginx(tmp_path, [], None, listen, CHAT_SERVERS=servers)
    whole = (CONFIGURATION / "unprivileged_main.conf").read_text()
    whole = whole.replace("/etc/nginx/conf.d/", "/tmp/conf.d/")
    whole = re.sub("/(tmp|dev)/", f"{nginx.folder}/", whole)
    (nginx.folder / "nginx.conf").write_text(whole)
    assert "[warn]" not in nginx.checked()

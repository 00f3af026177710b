"""pytest tests/test_deploy.py

docs/deploy.md: its configurations hold the server's own limits, and are taken by nginx, Caddy and systemd where these
are installed."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cxr_fastai.app.limits import Limits
from cxr_fastai.telemetry import REPORTS_NOTHING

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/deploy.md").read_text()
LIMITS = Limits()


def block(language: str) -> str:
    return re.search(rf"```{language}\n(.*?)```", PAGE, re.S)[1]


def seconds(text: str, name: str) -> int:
    return int(re.search(rf"{name} (\d+)s", text)[1])


# ---- nginx


def test_nginx_lets_the_server_refuse_in_its_own_words():
    conf = block("nginx")
    megabytes = int(re.search(r"client_max_body_size (\d+)m;", conf)[1])
    assert megabytes * 2**20 > LIMITS.max_bytes
    assert seconds(conf, "proxy_read_timeout") > LIMITS.answer_seconds
    assert seconds(conf, "client_body_timeout") <= LIMITS.body_seconds


def test_nginx_keeps_no_film_and_no_address():
    conf = block("nginx")
    assert "proxy_request_buffering off;" in conf and "proxy_max_temp_file_size 0;" in conf
    (line,) = re.findall(r"log_format cxr (.*)", conf)
    assert "remote_addr" not in line and "args" not in line and "request_uri" not in line


def test_nginx_says_who_is_asked_and_how_and_passes_no_upgrade():
    conf = block("nginx")
    for told in (
        "Host $http_host;",
        "X-Forwarded-Proto $scheme;",
        'X-Forwarded-For "";',
        'Connection "";',
    ):
        assert f"proxy_set_header {told}" in conf
    assert "Upgrade" not in conf and "location = /metrics { deny all; }" in conf


def test_nginx_refuses_in_the_servers_form():
    answer = re.search(r"return 429 '(.*)';", block("nginx"))[1]
    assert answer.startswith('{"error": {"status": 429, "code": ') and '"do":' in answer


def programme(name: str) -> str:
    found = shutil.which(name, path="/usr/sbin:/usr/bin:/usr/local/bin:/sbin:/bin")
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def certificate(tmp_path):
    command = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=x".split()
    subprocess.run([programme("openssl"), *command], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path / "cert.pem", tmp_path / "key.pem"


def test_nginx_takes_it(tmp_path, certificate):
    cert, key = certificate
    conf = block("nginx").replace("/etc/ssl/films.example.org.pem", str(cert))
    conf = conf.replace("/etc/ssl/private/films.example.org.key", str(key))
    conf = conf.replace("/var/log/nginx", str(tmp_path))
    head = f"pid {tmp_path}/pid; events {{}}\nhttp {{ access_log off; client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p;"
    head += f" fastcgi_temp_path {tmp_path}/f; uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;\n"
    (tmp_path / "nginx.conf").write_text(head + conf + "}\n")
    command = [programme("nginx"), "-e", tmp_path / "e", "-t", "-c", tmp_path / "nginx.conf"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# ---- Caddy


def test_caddy_lets_the_server_refuse_in_its_own_words():
    conf = block("caddy")
    assert int(re.search(r"max_size (\d+)MB", conf)[1]) * 10**6 > LIMITS.max_bytes
    assert seconds(conf, "response_header_timeout") > LIMITS.answer_seconds
    assert seconds(conf, "read_body") >= LIMITS.seconds_for(LIMITS.max_bytes)
    assert "respond /metrics 403" in conf and "header_up -X-Forwarded-For" in conf


def test_caddy_takes_it(tmp_path):
    file = tmp_path / "Caddyfile"
    file.write_text(block("caddy"))
    command = [programme("caddy"), "validate", "--config", file, "--adapter", "caddyfile"]
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr


# ---- systemd


def test_the_unit_lets_decoders_shut_themselves_in_and_reports_nothing():
    unit = block("ini")
    assert "landlock_create_ruleset landlock_add_rule landlock_restrict_self" in unit
    for name, value in REPORTS_NOTHING["onnxruntime"].items():
        assert f"{name}={value}" in unit
    stop = int(re.search(r"TimeoutStopSec=(\d+)", unit)[1])
    assert stop > LIMITS.stop_seconds and "LoadCredential=token:" in unit


def test_systemd_takes_it(tmp_path):
    unit = tmp_path / "cxr.service"
    unit.write_text(block("ini").replace("/opt/cxr/bin/cxr", sys.executable))
    systemd = programme("systemd-analyze")
    done = subprocess.run([systemd, "verify", unit], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    asked = [systemd, "security", "--offline=true", "--threshold=15", "--no-pager", unit]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-400:]  # an exposure above 1.5 of 10


# ---- the threat model


def test_every_test_that_the_threat_model_names_is_there():
    table = (ROOT / "SECURITY.md").read_text()
    named = set(re.findall(r"`(tests/[\w/]*|test_\w+\.py)`?", table))
    files = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert len(named) > 20
    for name in named:
        is_there = name in files if name.startswith("test_") else (ROOT / name).exists()
        assert is_there or (ROOT / f"{name}.py").exists(), name


def test_every_line_of_defence_names_a_test():
    section = (ROOT / "SECURITY.md").read_text().partition("## What is defended")[2]
    rows = [line for line in section.partition("## What is not")[0].splitlines() if "|" in line]
    for row in rows[2:]:
        assert "test" in row.split("|")[3], row

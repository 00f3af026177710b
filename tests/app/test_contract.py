"""pytest tests/app/test_contract.py

schemathesis draws requests from openapi.json, right ones and wrong ones, and holds every answer of the
real server against it: no 500, no status, type, header or body that is not promised, nothing wrong
accepted, nothing right refused, no answer without the token.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from attacked import attacked

pytest.importorskip("schemathesis")
TESTS = Path(__file__).parent.parent
TOKEN = "a-token-of-the-test-that-is-long"
SEED = "19"
PHASES = "examples,coverage,fuzzing"
# Statuses by which what is wrong is refused; schemathesis does not count 411, 413, 431 by itself.
REFUSES = [400, 401, 403, 404, 405, 408, 411, 413, 414, 415, 421, 422, 429, 431]
CONFIG = f"[checks.negative_data_rejection]\nexpected-statuses = {REFUSES}\n"


def judged(server, folder, *options, films=True):
    "Run schemathesis; (exit status, what it printed, how many requests)."
    (folder / "schemathesis.toml").write_text(CONFIG)
    own = {"PYTHONPATH": str(TESTS), "COLUMNS": "200", "NO_COLOR": "1"}
    if films:
        own["SCHEMATHESIS_HOOKS"] = "schemathesis_films"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {TOKEN}", "--seed", SEED, "--phases", PHASES]
    command += ["--checks", "all", "--no-shrink", "--suppress-health-check", "all", *options]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, **own}, capture_output=True, text=True, timeout=500
    )
    found = re.search(r"(\d+) generated", done.stdout)
    return done.returncode, done.stdout + done.stderr, int(found[1]) if found else 0


@pytest.fixture(scope="module")
def server(toy_bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("judged")
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    with attacked(toy_bundle, folder, "--token-file", str(folder / "token")) as server:
        yield server


def check_unharmed(server):
    assert server.is_alive() and server.files() == {}
    assert "Traceback" not in server.said() and "unexpected" not in server.said()


def test_the_server_keeps_its_contract(server, tmp_path):
    code, said, n = judged(server, tmp_path, "--max-examples", "8", "--phases", "fuzzing")
    assert code == 0, said[-8_000:]
    assert n > 50
    check_unharmed(server)


@pytest.mark.slow
def test_the_server_keeps_its_contract_for_longer(server, tmp_path):
    code, said, n = judged(server, tmp_path, "--max-examples", "100", "--max-time", "150")
    assert code == 0, said[-8_000:]
    assert n > 500
    print(f"schemathesis: {n:,} requests, all as promised")
    check_unharmed(server)


@pytest.mark.slow
def test_files_that_are_none_are_refused_as_promised(server, tmp_path):
    no_films = ("--exclude-checks", "positive_data_acceptance")  # which random bytes are not
    options = ("--max-examples", "40", "--max-time", "60", *no_films)
    code, said, n = judged(server, tmp_path, *options, films=False)
    assert code == 0, said[-8_000:]
    assert n > 100
    check_unharmed(server)

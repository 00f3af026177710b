"""pytest tests/app/test_generated_client.py

A client that openapi-python-client makes of openapi.json asks the real server: nothing is written by
hand, nothing is fetched.
"""

import importlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_films import film
from toy_app import ask, served

pytest.importorskip("openapi_python_client")
TOKEN = "a-token-of-the-test-that-is-long"
ASKING = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def url(toy_bundle):
    with served(toy_bundle, token=TOKEN) as url:
        yield url


@pytest.fixture(scope="module")
def made(url, tmp_path_factory):
    "The client's package."
    folder = tmp_path_factory.mktemp("client")
    _, _, document = ask(url, "GET", "/openapi.json", headers=ASKING)
    (folder / "openapi.json").write_bytes(document)
    command = [sys.executable, "-m", "openapi_python_client", "generate"]
    command += ["--path", "openapi.json", "--output-path", "made_client", "--meta", "none"]
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # where ruff is
    done = subprocess.run(
        [*command, "--fail-on-warning"],
        cwd=folder,
        env={**os.environ, "PATH": beside},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(folder))
    yield importlib.import_module("made_client")
    sys.path.remove(str(folder))


@pytest.fixture
def client(made, url):
    return made.AuthenticatedClient(base_url=url, token=TOKEN)


def part(name):
    return importlib.import_module(f"made_client.{name}")


def files(*named):
    types = part("types")
    return [types.File(payload=io.BytesIO(data), file_name=name) for name, data in named]


def body_of(operation, *named):
    "The form of an operation, as the client spells it."
    body = getattr(part("models"), f"{operation.capitalize()}Body")
    return body(files=files(*named))


def test_it_predicts_films_and_the_answer_is_that_of_the_server(client, url):
    predict = part("api.programs.predict")
    rows = predict.sync(client=client, body=body_of("predict", ("a.png", film()), ("b.png", b"x")))
    good, bad = rows
    assert good.path == "a.png" and good.label in ("covid_19", "normal") and good.decision
    assert set(good.probs.to_dict()) == {"covid_19", "normal"}
    assert sum(good.probs.to_dict().values()) == pytest.approx(1)
    assert bad.label is None and bad.error
    _, _, raw = ask(
        url,
        "POST",
        "/predict",
        film(),
        {**ASKING, "Content-Type": "image/png"},
    )
    assert json.loads(raw)[0]["probs"] == good.probs.to_dict()


def test_it_understands_refusals(client, made, url):
    predict = part("api.programs.predict")
    refused = predict.sync(client=client, body=body_of("predict", ("b.txt", b"hello")))
    assert refused.error.status == 415 and refused.error.code == "no_picture"
    assert refused.rows[0].error
    stranger = made.AuthenticatedClient(base_url=url, token="wrong")
    refused = predict.sync(client=stranger, body=body_of("predict", ("a.png", film())))
    assert refused.error.status == 401 and refused.error.code == "token_wrong"


def test_it_asks_everything_else(client):
    assert part("api.programs.health").sync(client=client).status == "alive"
    assert part("api.programs.ready").sync(client=client).status == "ready"
    facts = part("api.programs.model").sync(client=client)
    assert [each.name for each in facts.classes] == ["covid_19", "normal"]
    look = part("api.people.look").sync(client=client, body=body_of("look", ("a.png", film())))
    assert look.words.headline and look.film.startswith("data:image/png;base64,")
    heat = part("api.people.heat").sync(
        client=client,
        body=body_of("heat", ("a.png", film())),
        of=part("models").HeatOf("normal"),
    )
    assert heat.caveat and heat.of in ("normal", "")
    assert "cxr_" in part("api.monitoring.metrics").sync_detailed(client=client).content.decode()

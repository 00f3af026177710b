"""pytest tests/app/test_openapi.py"""

import dataclasses
import json

import numpy as np
import pytest
import torch
from app_contract import Contract
from gate_films import small_gate
from hostile_films import film
from openapi_spec_validator import OpenAPIV31SpecValidator, validate
from toy_app import ask, form, served
from toy_bundles import png
from toy_rows import META, VOCAB

from cxr_fastai.app.limits import Limits
from cxr_fastai.app.operations import Known, paths
from cxr_fastai.app.routes import ROUTES
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.models.networks import build_network
from cxr_fastai.phantom import draw
from cxr_fastai.serving.ensemble import load_ensemble

TOKEN = {"Authorization": "Bearer a-token-of-the-test-of-20-letters"}
FILM = film()


@pytest.fixture(scope="module")
def url(toy_bundle):
    with served(toy_bundle, max_files=3, max_mb=2) as url:
        yield url


@pytest.fixture(scope="module")
def contract(url):
    return Contract(url)


def test_the_document_is_valid(contract):
    validate(contract.document, cls=OpenAPIV31SpecValidator)
    assert contract.document["openapi"] == "3.1.0"


def test_every_address_of_the_server_stands_in_it_and_no_other():
    known = Known(["a"], Limits(), has_token=False, can_right=True)
    told = {(method.upper(), path) for path, each in paths(known).items() for method in each}
    there = {(route.method, route.path) for route in ROUTES}
    assert told == there


def test_the_limits_are_those_of_this_server(contract):
    files = contract.operation("POST", "/predict")["requestBody"]["content"]
    schema = files["multipart/form-data"]["schema"]["properties"]["files"]
    assert schema["maxItems"] == 3 and "2 MB" in schema["description"]
    limits = contract.document["info"]["x-limits"]
    assert limits["max_files"] == 3 and limits["max_mb"] == 2
    large = contract.document["components"]["responses"]["Refused413"]["content"]
    assert "2 MB" in json.dumps(large) and "3 files" in json.dumps(large)


def test_the_classes_are_those_of_this_model(contract):
    probs = contract.document["components"]["schemas"]["Row"]["properties"]["probs"]
    assert probs["propertyNames"]["enum"] == ["covid_19", "normal"]


def test_the_example_is_what_the_model_itself_said(contract):
    content = contract.operation("POST", "/predict")["responses"]["200"]["content"]
    (example,) = content["application/json"]["example"]
    assert set(example["probs"]) == {"covid_19", "normal"} and example["decision"]
    contract.validate({"$ref": "#/components/schemas/Row"}, example)


def test_what_needs_a_gate_is_promised_where_there_is_one():
    for can_right, allowed in ((True, ["0", "1", ""]), (False, ["0", ""])):
        known = Known(["a"], Limits(), has_token=False, can_right=can_right)
        (right,) = paths(known)["/look"]["post"]["parameters"]
        assert right["schema"]["enum"] == allowed


def test_no_reference_leads_nowhere(contract):
    text = json.dumps(contract.document)
    for reference in set(text.split('"$ref": "')[1:]):
        assert contract.resolved({"$ref": reference.split('"')[0]})


ASKED = {
    "a film": ("POST", "/predict", form(("a.png", FILM)), 200),
    "three films": ("POST", "/predict", form(*[("a.png", FILM)] * 3), 200),
    "a film and a text": ("POST", "/predict", form(("a.png", FILM), ("b.txt", b"hello")), 200),
    "a text": ("POST", "/predict", form(("b.txt", b"hello")), 415),
    "half a film": ("POST", "/predict", form(("a.png", FILM[:200])), 422),
    "four films": ("POST", "/predict", form(*[("a.png", FILM)] * 4), 413),
    "too many bytes": ("POST", "/predict", form(("a.png", bytes(2_100_000))), 413),
    "no film": ("POST", "/predict", form(), 400),
    "another type": ("POST", "/predict", (b"{}", {"Content-Type": "application/json"}), 415),
    "another site": ("POST", "/predict", (b"", {"Origin": "http://evil.example"}), 403),
    "a look": ("POST", "/look", form(("a.png", FILM)), 200),
    "a look at a text": ("POST", "/look", form(("b.txt", b"hello")), 415),
    "a look at half a film": ("POST", "/look", form(("a.png", FILM[:200])), 422),
    "a look at two": ("POST", "/look", form(*[("a.png", FILM)] * 2), 400),
    "a look turned without a gate": ("POST", "/look?right=1", form(("a.png", FILM)), 400),
    "a look turned by no number": ("POST", "/look?right=x", form(("a.png", FILM)), 400),
    "a heat": ("POST", "/heat", form(("a.png", FILM)), 200),
    "a heat of a class": ("POST", "/heat?of=normal", form(("a.png", FILM)), 200),
    "a heat of no class": ("POST", "/heat?of=cat", form(("a.png", FILM)), 400),
    "a heat of a text": ("POST", "/heat", form(("b.txt", b"hello")), 415),
    "the model": ("GET", "/model", (None, {}), 200),
    "its card": ("GET", "/card", (None, {}), 200),
    "the page": ("GET", "/", (None, {}), 200),
    "a style": ("GET", "/static/style.css", (None, {}), 200),
    "no style": ("GET", "/static/none.css", (None, {}), 404),
    "the counts": ("GET", "/metrics", (None, {}), 200),
    "health": ("GET", "/health", (None, {}), 200),
    "ready": ("GET", "/ready", (None, {}), 200),
    "a name that is not its own": ("GET", "/model", (None, {"Host": "evil.example"}), 421),
    "a query": ("GET", "/model?x=1", (None, {}), 400),
    "a sign-in without need": ("POST", "/sign-in", (b"token=x", {"Content-Type": "application/x-www-form-urlencoded"}), 303),
}  # fmt: skip


@pytest.mark.parametrize("method, path, sent, status", ASKED.values(), ids=ASKED)
def test_the_server_answers_as_it_promises(contract, url, method, path, sent, status):
    body, headers = sent
    got, told, content = ask(url, method, path, body, headers)
    assert got == status, content[:300]
    contract.check(method, path, got, told, content)


# ---- other models


def checked(model, asked, **options):
    "Have a server of a model asked, each answer held against its contract; the rows."
    rows = []
    with served(model, **options) as url:
        contract = Contract(url)
        validate(contract.document, cls=OpenAPIV31SpecValidator)
        for name, data in asked:
            for path in ("/predict", "/look", "/heat"):
                answer = ask(url, "POST", path, *form((name, data)))
                contract.check("POST", path, *answer)
                if path == "/predict" and answer[0] == 200:
                    rows += json.loads(answer[2])
        contract.check("GET", "/model", *ask(url, "GET", "/model"))
    return rows


def saved(folder, seed, **meta):
    torch.manual_seed(seed)
    return save_bundle(
        folder,
        build_network("cnn", len(VOCAB)),
        {**META, "arch": "cnn", "recipe": {"name": "toy"}, **meta},
    )


def test_it_holds_for_bundles_that_answer_together(toy_bundle, tmp_path):
    model = load_ensemble([toy_bundle, saved(tmp_path / "other", 1)])
    rows = checked(model, [("a.png", FILM), ("b.txt", b"hello")])
    assert rows[0]["spread"] and rows[0]["probs"]


def test_it_holds_for_findings(tmp_path):
    thresholds = {"covid_19": 0.01, "normal": 0.01}
    bundle = saved(tmp_path / "findings", 0, task="multi_label", thresholds=thresholds)
    rows = checked(load_bundle(bundle, "cpu"), [("a.png", FILM)])
    assert rows[0]["label"] == "covid_19|normal"


def test_it_holds_for_what_a_gate_refuses_and_rights(toy_bundle):
    model = dataclasses.replace(load_bundle(toy_bundle, "cpu"), gate=small_gate())
    upright = draw("normal", 800, 256)
    turned = np.ascontiguousarray(np.rot90(upright))
    asked = [("film.png", png(upright)), ("noise.png", FILM), ("turned.png", png(turned))]
    kept = checked(model, asked)
    assert kept[1]["gate"] and kept[1]["abstained"]
    righted = checked(model, asked, right=True)
    assert righted[2]["righted"] == ["turned_90"] and righted[2]["label"]


def test_with_a_token_the_contract_says_so_and_the_server_asks_for_it(toy_bundle):
    token = TOKEN["Authorization"].split()[1]
    with served(toy_bundle, token=token) as url:
        contract = Contract(url, TOKEN)
        document = contract.document
        validate(document, cls=OpenAPIV31SpecValidator)
        assert document["security"] == [{"token": []}]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                is_open = operation.get("security") == []
                route = next(each for each in ROUTES if each.path == path)
                assert is_open == route.is_open, path
                assert ("401" in operation["responses"]) != (is_open and path != "/sign-in")
                if is_open or "{" in path:
                    continue
                got, told, content = ask(url, method.upper(), path)
                assert got == 401, path
                contract.check(method, path, got, told, content)
                assert told["www-authenticate"] == "Bearer"


def test_without_a_token_nothing_is_said_of_one(contract):
    assert "security" not in contract.document
    assert "securitySchemes" not in contract.document["components"]

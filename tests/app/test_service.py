"""The service: rows of uploads, whatever is among them and however many come at once.

python -m pytest tests/app/test_service.py
"""

import asyncio
import contextlib
import json
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_app import ask, form, served
from toy_bundles import picture, png
from toy_rows import META, VOCAB

from cxr_fastai.app import service as module
from cxr_fastai.app.decoders import Decoders
from cxr_fastai.app.limits import Limits
from cxr_fastai.app.service import BATCHES, NOT_ANSWERED, Answered, Service
from cxr_fastai.app.uploads import Upload
from cxr_fastai.bundle import load_bundle, save_bundle
from cxr_fastai.core import ImageRejected, IntegrityError, StorageError, UsageError
from cxr_fastai.images import read
from cxr_fastai.models.networks import build_network
from cxr_fastai.serving.ensemble import load_ensemble
from cxr_fastai.serving.predict import predict_paths

FILMS = [Upload(f"{i}.png", png(picture(i))) for i in range(12)]
DAMAGED = Upload("damaged.png", FILMS[0].data[:80])
TEXT = Upload("text.png", b"<html>")


class Here(Decoders):
    "Decoders that decode in this process, one film after the other, and tell which."

    def __init__(self):
        super().__init__(children=1)
        self.told = []

    def start(self):
        pass

    def read(self, data, name):
        self.told.append(name)
        return read(data, name)


@pytest.fixture(scope="module")
def model(toy_bundle):
    return load_bundle(toy_bundle, "cpu")


@contextlib.asynccontextmanager
async def open_service(model, **options):
    service = Service(model, Limits(), decoders=options.pop("decoders", None) or Here(), **options)
    await service.start()
    service.decoders.told = []
    try:
        yield service
    finally:
        await service.close()


def answered(model, uploads, **options):
    "What a service answers; options of Service, then keep and righted of `answer`."
    asked = {"keep": options.pop("keep", False), "right": options.pop("righted", None)}

    async def ask():
        async with open_service(model, **options) as service:
            return await service.answer(uploads, **asked)

    return asyncio.run(ask())


def predicted(model, folder, uploads, **options):
    "The rows of `cxr predict`, each film by itself, so that batches are alike."
    rows = []
    for upload in uploads:
        file = folder / upload.name
        file.write_bytes(upload.data)
        (row,) = predict_paths(model, [file], **options)
        row["path"] = upload.name
        row["error"] = row["error"].replace(f"{folder}/", "")
        rows.append(row)
    return rows


def alike(rows, others):
    "Whether rows are the same but for what a batch does to the last bits of a probability."
    for row, other in zip(rows, others, strict=True):
        for key in ("probs", "risk", "spread"):
            if row.get(key) is not None:
                assert other[key] == pytest.approx(row[key], abs=1e-5)
        drop = {"probs", "risk", "spread", "decision"}
        assert {k: v for k, v in row.items() if k not in drop} == {
            k: v for k, v in other.items() if k not in drop
        }
    return True


def test_a_row_is_that_of_predict_to_the_byte(model, tmp_path):
    for upload in (FILMS[0], DAMAGED, TEXT, Upload("no ending", FILMS[1].data)):
        (one,) = answered(model, [upload], decoders=Decoders(children=1))
        (row,) = predicted(model, tmp_path, [upload])
        assert json.dumps(one.row) == json.dumps(row)


def test_rows_come_in_the_order_of_the_uploads_with_the_damaged_ones_among_them(model, tmp_path):
    uploads = [*FILMS[:3], DAMAGED, *FILMS[3:], TEXT, Upload("0 again.png", FILMS[0].data)]
    found = answered(model, uploads, decoders=Decoders())
    assert [each.row["path"] for each in found] == [upload.name for upload in uploads]
    assert alike([each.row for each in found], predicted(model, tmp_path, uploads))
    assert [each.rejected for each in found if each.rejected] == ["truncated", "not_an_image"]
    assert all(each.film is None for each in found)


def test_no_upload_no_row(model):
    assert answered(model, []) == []


def test_several_bundles_answer_together(toy_bundle, tmp_path):
    torch.manual_seed(1)
    meta = {**META, "arch": "cnn"}
    other = save_bundle(tmp_path / "other", build_network("cnn", len(VOCAB)), meta)
    model = load_ensemble([toy_bundle, other], device="cpu")
    (one,) = answered(model, FILMS[:1])
    assert json.dumps(one.row) == json.dumps(predicted(model, tmp_path, FILMS[:1])[0])
    assert one.row["spread"]


# ---- films that are kept


def test_a_film_is_kept_where_it_is_asked_for_and_its_pixels_are_not(model):
    large = Upload("large.png", png(picture(3, size=(1500, 1200))))
    film, unread = answered(model, [large, DAMAGED], keep=True)
    assert unread.film is None and unread.rejected == "truncated"
    assert film.film.shown.shape == (819, 1024)
    assert (film.film.width, film.film.height) == (1500, 1200)
    assert film.film.answer.view.source is None
    assert film.film.inputs[0].shape[1:] == (32, 32)
    assert film.film.answer.label == film.row["label"]


def test_to_right_films_takes_a_gate(model):
    with pytest.raises(UsageError, match="needs a gate"):
        answered(model, FILMS[:1], righted=True)
    with pytest.raises(UsageError, match="needs a gate"):
        Service(model, Limits(), right=True)


# ---- many at once


def together(model, monkeypatch, uploads):
    "Numbers of films that the network was given, where all came while it was busy."
    sizes = []
    real = module.answer_batch

    def counted(model, films):
        sizes.append(len(films))
        return real(model, films)

    async def ask():
        async with open_service(model) as service:
            monkeypatch.setattr(module, "answer_batch", counted)
            done = threading.Event()
            busy = asyncio.ensure_future(service.compute(done.wait))
            asked = [asyncio.ensure_future(service.answer([upload])) for upload in uploads]
            while len(service._waiting) < len(uploads) - max(BATCHES):
                await asyncio.sleep(0.001)
            done.set()
            await busy
            return [(await each)[0] for each in asked]

    return asyncio.run(ask()), sizes


def test_films_of_several_requests_are_answered_together(model, monkeypatch, tmp_path):
    found, sizes = together(model, monkeypatch, FILMS)
    assert [each.row["path"] for each in found] == [upload.name for upload in FILMS]
    assert alike([each.row for each in found], predicted(model, tmp_path, FILMS))
    assert sum(sizes) == len(FILMS) and len(sizes) < len(FILMS) and set(sizes) <= set(BATCHES)


def test_a_film_that_the_network_does_not_answer_costs_itself_alone(model, monkeypatch):
    real = module.answer_batch

    def failing(model, films):
        if any(film.answer.source == "3.png" for film in films):
            raise IntegrityError("the network's answers are not finite")
        return real(model, films)

    monkeypatch.setattr(module, "answer_batch", failing)
    found = answered(model, FILMS)
    assert [each.row["path"] for each in found] == [upload.name for upload in FILMS]
    (lost,) = [each for each in found if each.rejected]
    assert lost.row["path"] == "3.png" and lost.rejected == NOT_ANSWERED
    assert lost.row["error"] == "3.png: not answered: the network's answers are not finite"


def test_a_mistake_is_told_to_its_own_request_alone(model, monkeypatch):
    real = module.answer_batch

    def failing(model, films):
        if any(film.answer.source == "3.png" for film in films):
            raise ZeroDivisionError
        return real(model, films)

    async def ask():
        async with open_service(model) as service:
            asked = [service.answer([upload]) for upload in FILMS]
            return await asyncio.gather(*asked, return_exceptions=True)

    monkeypatch.setattr(module, "answer_batch", failing)
    found = asyncio.run(ask())
    assert isinstance(found.pop(3), ZeroDivisionError)
    assert all(isinstance(each[0], Answered) for each in found)


def test_a_request_of_many_films_lets_others_in_between(model):
    async def ask():
        async with open_service(model) as service:
            many = [Upload(f"many {i}", FILMS[0].data) for i in range(30)]
            first = asyncio.ensure_future(service.answer(many))
            await asyncio.sleep(0)
            second = asyncio.ensure_future(service.answer([Upload("one", FILMS[1].data)]))
            await asyncio.gather(first, second)
            return service.decoders.told

    told = asyncio.run(ask())
    assert len(told) == 31 and told.index("one") <= 2 * module.AHEAD


def test_a_request_that_is_given_up_costs_no_other_and_is_not_computed(model, monkeypatch):
    computed = []
    real = module.answer_batch

    def noted(model, films):
        computed.extend(film.answer.source for film in films)
        return real(model, films)

    async def ask():
        async with open_service(model) as service:
            monkeypatch.setattr(module, "answer_batch", noted)
            done = threading.Event()
            busy = asyncio.ensure_future(service.compute(done.wait))
            given_up = asyncio.ensure_future(service.answer(FILMS))
            while len(service._waiting) < 3:
                await asyncio.sleep(0.001)
            waiting = {one.film.answer.source for one in service._waiting}
            given_up.cancel()
            await asyncio.gather(given_up, return_exceptions=True)
            assert given_up.cancelled()
            other = asyncio.ensure_future(service.answer([Upload("other.png", FILMS[0].data)]))
            done.set()
            await busy
            return await other, waiting

    (found,), waiting = asyncio.run(ask())
    assert found.row["path"] == "other.png" and not found.row["error"]
    assert len(waiting) >= 3 and not waiting & set(computed)


# ---- by the server itself


@pytest.fixture(scope="module")
def url(model):
    "A server whose decoder does what films say."
    decoders = Decoders(children=1, script=Path(__file__).with_name("bad_decoder.py"))
    with served(model, service=Service(model, Limits(), decoders=decoders)) as url:
        yield url


def rows_of(url, *films):
    status, _, body = ask(url, "POST", "/predict", *form(*films))
    told = json.loads(body)
    return status, told if status == 200 else told["rows"]


@pytest.mark.parametrize("what", [b"abort", b"exit", b"raise", b"bomb", b"nonsense"])
def test_a_film_that_ends_its_decoder_is_a_row_among_the_others(url, what):
    good = [(upload.name, upload.data) for upload in FILMS[:3]]
    status, rows = rows_of(url, *good[:2], ("bad.png", what), good[2])
    assert status == 200
    assert [bool(row["error"]) for row in rows] == [False, False, True, False]
    assert rows[2]["error"].startswith("bad.png: ") and rows[2]["label"] is None


def test_alone_it_is_refused_in_words_and_the_next_is_answered(url):
    status, rows = rows_of(url, ("bad.png", b"abort"))
    assert status == 422
    assert rows[0]["error"] == "bad.png: the process that decoded it ended: SIGABRT"
    assert rows_of(url, (FILMS[0].name, FILMS[0].data))[0] == 200


# ---- what else computes


def test_all_that_computes_does_so_in_one_thread(model, monkeypatch):
    threads = set()
    real = module.answer_batch

    def noted(model, films):
        threads.add(threading.get_ident())
        return real(model, films)

    async def ask():
        async with open_service(model) as service:
            monkeypatch.setattr(module, "answer_batch", noted)
            await service.answer(FILMS[:3])
            threads.add(await service.compute(threading.get_ident))
            with pytest.raises(KeyError):
                await service.compute(_fail)
            return await service.compute(lambda: 7)

    assert asyncio.run(ask()) == 7
    assert len(threads) == 1 and threading.get_ident() not in threads


def _fail():
    raise KeyError


# ---- start and end


def test_it_is_ready_once_it_has_answered_and_until_it_is_closed(model):
    async def ask():
        service = Service(model, Limits(), decoders=Here())
        told = [service.ready]
        await service.start()
        told.append(service.ready)
        assert service.decoders.told == ["drawn.png"] and service.warm_row["error"] == ""
        await service.close()
        return [*told, service.ready]

    assert asyncio.run(ask()) == [False, True, False]


def test_ready_it_has_met_every_number_of_films_that_it_answers_together(toy_bundle, monkeypatch):
    met = []
    model = load_bundle(toy_bundle, "cpu")
    real = type(model.runtime).logits

    def noted(runtime, batch):
        met.append(len(batch))
        return real(runtime, batch)

    monkeypatch.setattr(type(model.runtime), "logits", noted)
    answered(model, [])
    assert set(met) == set(BATCHES)


class Broken(Here):
    def read(self, data, name):
        raise ImageRejected("crashed", f"{name}: the process that decoded it ended: SIGKILL")


class NoProcess(Here):
    def start(self):
        raise StorageError("no process")


@pytest.mark.parametrize("decoders, error", [(Broken, IntegrityError), (NoProcess, StorageError)])
def test_a_service_that_cannot_answer_does_not_get_ready(model, decoders, error):
    async def ask():
        service = Service(model, Limits(), decoders=decoders())
        with pytest.raises(error):
            await service.start()
        await service.close()
        return service.ready

    assert asyncio.run(ask()) is False


def test_a_network_that_answers_nothing_finite_does_not_get_ready(toy_bundle):
    model = load_bundle(toy_bundle, "cpu")
    with torch.no_grad():
        for tensor in model.net.parameters():
            tensor.fill_(float("nan"))
    with pytest.raises(IntegrityError, match="not finite"):
        answered(model, [])


def test_the_film_of_the_start_is_one_that_is_read():
    film = read(module._drawn(), "drawn.png")
    assert film.notes == () and len(np.unique(film.pixels)) > 100

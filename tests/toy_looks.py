"""One film asked of a model, as the app asks: its row and the film that was answered."""

import base64
import io

import numpy as np
from PIL import Image

from cxr_fastai.serving.answers import answers_of
from cxr_fastai.serving.rows import row_of


def asked(model, source, name="a.png", **options):
    "(row, film); film None where it could not be read."
    films = []

    def look(film):
        films.append(film)
        return film.answer

    answer = answers_of(model, [(source, name)], look=look, **options)[0]
    return row_of(answer), (films[0] if films else None)


def pixels_of_uri(uri):
    "The pixels that a data URI holds."
    head, _, text = uri.partition(",")
    assert head.startswith("data:image/") and head.endswith(";base64")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))

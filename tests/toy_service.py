"""What answers for a server whose network and decoders are not what a test is about.

It has all that handlers ask of app.service.Service, answers every film alike, and waits or fails when it is told to.
"""

import asyncio
import threading

from cxr_fastai.app.service import Answered
from cxr_fastai.core import Prediction
from cxr_fastai.serving.rows import row_of


class ToyService:
    "Answers `normal` for every film but those of no bytes."

    def __init__(self, fails=None, held=False, starts=True):
        self.gate, self.right, self.ready, self.warm_row = False, False, False, None
        self.fails = fails  # what answering raises
        self.may_go = threading.Event()  # what answering waits for
        if not held:
            self.may_go.set()
        self.asked = 0  # requests that came as far
        self.answered = 0
        self.cancelled = 0
        self.starts = starts  # whether it becomes ready, or what starting raises
        self.names = []  # of all films

    async def start(self):
        if isinstance(self.starts, Exception):
            raise self.starts
        self.ready = bool(self.starts)

    async def close(self):
        self.ready = False

    async def answer(self, uploads, keep=False, right=None):
        self.asked += 1
        self.names += [upload.name for upload in uploads]
        try:
            while not self.may_go.is_set():
                await asyncio.sleep(0.005)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.fails is not None:
            raise self.fails
        self.answered += 1
        return [answered(upload) for upload in uploads]


def answered(upload):
    if not upload.data:
        unread = Prediction(None, {}, source=upload.name, error=f"{upload.name}: no bytes")
        return Answered(row_of(unread), None, "empty_file")
    told = Prediction(
        "normal", {"covid_19": 0.25, "normal": 0.75}, source=upload.name, decision="Normal"
    )
    return Answered(row_of(told))

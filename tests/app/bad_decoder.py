"""A child of `decoders` that does to itself what a film's bytes say: run as a script, never imported by a test.

What a hostile file might do in a decoder, without looking for one that does it in each version.
"""

import ctypes
import io
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from PIL import Image

from cxr_fastai import images
from cxr_fastai.app import decoder_child

REAL = images.read


def read(data, name):
    what, _, rest = data.partition(b" ")
    if what == b"abort":
        os.abort()
    elif what == b"exit":
        os._exit(3)
    elif what == b"raise":
        raise ZeroDivisionError
    elif what == b"sleep":
        call_oneself(b"asleep")
        time.sleep(1000)
    elif what == b"spin":
        while True:
            pass
    elif what == b"bomb":
        bytearray(8 << 30)
    elif what == b"write":
        Path(os.fsdecode(rest)).write_bytes(b"a film")
    elif what == b"remove":
        os.remove(os.fsdecode(rest))
    elif what == b"connect":
        socket.create_connection(("127.0.0.1", int(rest)), timeout=5)
    elif what == b"kill":
        os.kill(int(rest), signal.SIGKILL)
    elif what == b"print":
        os.write(1, b"from a library")
        print("from Python")
    elif what == b"great":
        decoder_child._peak = lambda: decoder_child.MOST_KEPT + 1
    elif what == b"nonsense":
        decoder_child.FACTS = ()
    elif what == b"grandchild":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        call_oneself(b"asleep")
        time.sleep(1000)
    return REAL(data if what.startswith(b"\x89PNG") else film(), name)


def call_oneself(name):
    "Tell the test how far one is, as no file can be written: by the name of the process."
    ctypes.CDLL(None).prctl(15, name)


def film():
    "A film of 50 x 40 px."
    out = io.BytesIO()
    Image.frombytes("L", (50, 40), bytes(i % 251 for i in range(2000))).save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    images.read = read
    decoder_child.main(*(int(number) for number in sys.argv[1:4]))

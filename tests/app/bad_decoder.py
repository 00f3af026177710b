"""A child of `decoders` that does to itself what a film's bytes say: run as a script, never imported by a test.

What a hostile file might do in a decoder, without looking for one that does it in each version.
"""

import io
import os
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
    place = rest.decode("latin-1")  # files without content can be made: the limit is on what is written
    if what == b"abort":
        os.abort()
    elif what == b"exit":
        os._exit(3)
    elif what == b"raise":
        raise ZeroDivisionError
    elif what == b"sleep":
        Path(place).touch()
        time.sleep(1000)
    elif what == b"spin":
        while True:
            pass
    elif what == b"bomb":
        bytearray(8 << 30)
    elif what == b"write":
        Path(place).write_bytes(b"a film")
    elif what == b"print":
        os.write(1, b"from a library")
        print("from Python")
    elif what == b"great":
        decoder_child._peak = lambda: decoder_child.MOST_KEPT + 1
    elif what == b"nonsense":
        decoder_child.FACTS = ()
    elif what == b"grandchild":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        Path(place, str(child.pid)).touch()
        os.abort()
    return REAL(data if what.startswith(b"\x89PNG") else film(), name)


def film():
    "A film of 50 x 40 px."
    out = io.BytesIO()
    Image.frombytes("L", (50, 40), bytes(i % 251 for i in range(2000))).save(out, "PNG")
    return out.getvalue()


if __name__ == "__main__":
    images.read = read
    decoder_child.main(*(int(number) for number in sys.argv[1:4]))

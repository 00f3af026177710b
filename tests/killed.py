"""Kill this process, as kill -9 does, at the N-th change that it makes to the file system.

python killed.py N ARGS.. runs `cxr ARGS..`; with N = 0 it is left alone and the changes are counted on stderr.
"""

import os
import signal
import sys

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
count = 0  # changes so far


def is_change(event, args):
    if event in CHANGES:
        return True
    if event != "open" or not isinstance(args[0], (str, bytes)):
        return False
    return bool((args[2] or 0) & (os.O_WRONLY | os.O_RDWR))


def kill_at_change(number):
    "From here on count changes; die at that one, or never for 0."

    def hook(event, args):
        global count
        if not is_change(event, args):
            return
        count += 1
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


if __name__ == "__main__":
    kill_at_change(int(sys.argv[1]))
    from cxr_fastai.cli import main

    code = main(sys.argv[2:])
    print(f"changes: {count}", file=sys.stderr)
    sys.exit(code)

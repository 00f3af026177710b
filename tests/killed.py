"""Run `cxr` in this process and kill it, as kill -9 does, at the N-th change that it makes to the file system:
python killed.py N ARGS..; with N = 0 it is left alone and the changes are counted on stderr."""

import os
import signal
import sys

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
at, count = int(sys.argv[1]), 0


def count_changes(event, args):
    global count
    writes = (
        event == "open"
        and isinstance(args[0], (str, bytes))
        and (args[2] or 0) & (os.O_WRONLY | os.O_RDWR)
    )
    if not writes and event not in CHANGES:
        return
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.addaudithook(count_changes)
    from cxr_fastai.cli import main

    code = main(sys.argv[2:])
    print(f"changes: {count}", file=sys.stderr)
    sys.exit(code)

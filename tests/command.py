"""The command as a user runs it: a process, its two streams and its exit code."""

import os
import subprocess
import sys


def cxr(
    *args,
    cwd=None,
    cache=None,
    code="from cxr_fastai.cli import main; import sys; sys.exit(main())",
):
    nowhere = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9"
    )
    env = {
        **os.environ,
        **nowhere,
        "CXR_CACHE": str(cache or cwd or "/nonexistent"),
    }  # no test goes out
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
    )

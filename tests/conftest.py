"""For all tests: one thread a process. With two, torch waits for busy cores many times longer than it computes."""
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

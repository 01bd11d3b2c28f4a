"""Run a command and print what it took: `meter.py PROCESSORS COMMAND...`.

Prints wall time and processor time in seconds, to the end of the last process that the command
started; the peak of memory of all its processes together (PSS: shared pages count once); and the
peak of the main process alone (VmHWM). Both are in bytes, 0 where the system does not tell. Memory
is sampled, so a peak of less than 0.2 s may be missed.
"""

import contextlib
import ctypes
import os
import re
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

memory = main = 0


def sample(pid: int) -> None:
    global memory, main
    while True:
        begun, total = time.perf_counter(), 0
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # it has ended, or may not be inspected
                total += getattr(process.memory_full_info(), "pss", 0)
        with contextlib.suppress(OSError):
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
            if found := re.search(r"VmHWM:\s+(\d+)", status):
                main = max(main, int(found[1]) * 1024)
        memory = max(memory, total)
        time.sleep(max(0.2, 30 * (time.perf_counter() - begun)))  # at most 1/30 of a processor


if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans become our children
start, status = time.perf_counter(), 0
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
threading.Thread(target=sample, args=[child.pid], daemon=True).start()
with contextlib.suppress(ChildProcessError):  # all have ended
    while True:
        pid, code = os.wait()
        if pid == child.pid:
            status = code
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, memory, main, flush=True)
os._exit(os.waitstatus_to_exitcode(status) & 255)

"""A program's clocks, moved by a library that is loaded before others and by variables of its environment."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

# CLOCK_SET_TO: the wall clock begins at these seconds. CLOCK_JUMPS_BACK: it is set back by so many after a second.
# CLOCK_RUNS: the steady clock runs so many times as fast.
SOURCE = r"""
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static double at(struct timespec t) { return (double)t.tv_sec + (double)t.tv_nsec / 1e9; }
int clock_gettime(clockid_t id, struct timespec *out) {
    static double begun;
    struct timespec now;
    const char *text;
    if (syscall(SYS_clock_gettime, id, out) != 0) return -1;
    if (id == CLOCK_REALTIME) {
        syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
        if (begun == 0) begun = at(now);
        if ((text = getenv("CLOCK_SET_TO"))) out->tv_sec = atol(text) + (time_t)(at(now) - begun);
        if ((text = getenv("CLOCK_JUMPS_BACK")) && at(now) - begun > 1) out->tv_sec -= atol(text);
    }
    if (id == CLOCK_MONOTONIC && (text = getenv("CLOCK_RUNS"))) {
        if (begun == 0) begun = at(*out);
        double moved = begun + (at(*out) - begun) * atof(text);
        out->tv_sec = (time_t)moved;
        out->tv_nsec = (long)((moved - (double)out->tv_sec) * 1e9);
    }
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


def library(directory: Path) -> Path:
    """Made once below `directory`."""
    made = directory / "clock.so"
    if not made.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-O", "-o", made, "-x", "c", "-"], input=SOURCE, text=True, check=True)
    return made


def moved(loaded: Path, **clock: object) -> dict[str, str]:
    """Variables for a program's environment: CLOCK_SET_TO=..., CLOCK_JUMPS_BACK=..., CLOCK_RUNS=..."""
    return {"LD_PRELOAD": str(loaded), **{name: str(value) for name, value in clock.items()}}


def set_to(loaded: Path, when: datetime.datetime) -> dict[str, str]:
    return moved(loaded, CLOCK_SET_TO=int(when.timestamp()))

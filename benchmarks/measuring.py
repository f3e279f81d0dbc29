"""Takes times fairly: contestants in turn, warm-up first, wall and processor time side by side."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

STATUS: Final = Path("/proc/self/status")
MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class Lap:
    """One run of one contestant, in seconds; `cpu` counts every thread, `peak` bytes where a process told them."""

    wall: float
    cpu: float
    peak: int = 0


@dataclass(frozen=True)
class Timing:
    """All laps of one contestant, in the order of the rounds."""

    laps: tuple[Lap, ...]

    @property
    def median(self) -> float:
        return median(lap.wall for lap in self.laps)

    @property
    def cpu(self) -> float:
        return median(lap.cpu for lap in self.laps)

    @property
    def best(self) -> float:
        return min(lap.wall for lap in self.laps)

    @property
    def peak(self) -> int:
        return max(lap.peak for lap in self.laps)

    def at(self, share: float) -> float:
        """Return the wall time that `share` of the laps do not exceed."""
        walls = sorted(lap.wall for lap in self.laps)
        return walls[min(len(walls) - 1, int(share * len(walls)))]

    def over(self, peer: "Timing") -> float:
        """Return how many times the peer's wall time this takes: the median of the rounds, each compared with itself."""
        return median(mine.wall / its.wall for mine, its in zip(self.laps, peer.laps, strict=True))

    def cpu_over(self, peer: "Timing") -> float:
        return median(mine.cpu / its.cpu for mine, its in zip(self.laps, peer.laps, strict=True))


def in_turn(contestants: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 2) -> dict[str, Timing]:
    """Run A B C, A B C, …: what else the machine does then falls on all of them alike."""
    return _timings({name: partial(_lap, run) for name, run in contestants.items()}, rounds, warm_up)


def commands_in_turn(
    commands: Mapping[str, Sequence[str]], rounds: int, *, warm_up: int = 1, environ: Mapping[str, str] | None = None
) -> dict[str, Timing]:
    """Run commands as fresh processes in turn; the warm-up only fills the disk cache. Raises RuntimeError when one fails."""
    return _timings({name: partial(_process, command, environ) for name, command in commands.items()}, rounds, warm_up)


def _timings(contestants: Mapping[str, Callable[[], Lap]], rounds: int, warm_up: int) -> dict[str, Timing]:
    laps: dict[str, list[Lap]] = {name: [] for name in contestants}
    for number in range(warm_up + rounds):
        for name, run in contestants.items():
            lap = run()
            if number >= warm_up:
                laps[name].append(lap)
    return {name: Timing(tuple(taken)) for name, taken in laps.items()}


def _lap(run: Callable[[], object]) -> Lap:
    cpu, wall = time.process_time(), time.perf_counter()
    run()
    return Lap(time.perf_counter() - wall, time.process_time() - cpu)


def _process(command: Sequence[str], environ: Mapping[str, str] | None) -> Lap:
    with tempfile.TemporaryFile() as said:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=environ)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        told = said.read().decode()
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {told[-2000:]}")
    last = told.strip().rpartition("\n")[2]
    return Lap(wall, used.ru_utime + used.ru_stime, int(last) if last.isdecimal() else 0)


def peak_memory() -> int:
    """Return the most bytes this process has held.

    A child's `ru_maxrss` also counts the parent it was forked from, so Linux is asked for the program's own mark.
    """
    if STATUS.exists():
        line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def describe() -> str:
    """One line: processor, cores, memory, kernel, Python."""
    cpu = _after("/proc/cpuinfo", "model name") or platform.processor()
    memory_kib = int((_after("/proc/meminfo", "MemTotal") or "0 kB").split()[0])
    return (
        f"{cpu} · {os.cpu_count()} cores · {memory_kib / 1024 / 1024:.0f} GiB · "
        f"Linux {platform.release()} · Python {platform.python_version()}"
    )


def cpu_seconds(pid: int) -> float:
    """User and system time that the process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Memory of the process that is in RAM."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1024 / 1024


def _after(path: str, label: str) -> str | None:
    for line in Path(path).read_text().splitlines():
        if line.startswith(label):
            return line.split(":", 1)[1].strip()
    return None

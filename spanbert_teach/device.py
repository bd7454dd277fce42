"""What the course computes on: the device, the number format, the free memory."""

import ctypes
import os
import platform
import subprocess
import sys
from pathlib import Path

import torch

CPUINFO = Path("/proc/cpuinfo")  # Linux only


def choose_device() -> torch.device:
    """The device the course computes on: CUDA, else Apple's MPS, else the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_precision(device: torch.device) -> str:
    """The number format that trains fastest on `device`: "bf16", "fp16" or "fp32".

    bf16 only where the hardware computes in it; elsewhere it is emulated and slower than fp32.
    fp16 (with a gradient scaler) on CUDA cards with tensor cores but no bf16, such as Colab's T4.
    """
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bf16"
        return "fp16" if torch.cuda.get_device_capability(device) >= (7, 0) else "fp32"
    return "bf16" if device.type == "cpu" and _cpu_has_bf16() else "fp32"


def _cpu_has_bf16() -> bool:
    # Linux names the instructions itself. torch.cpu's own question is public only since 2.11.
    if CPUINFO.is_file():
        words = set(CPUINFO.read_text(encoding="utf-8", errors="replace").split())
        return bool(words & {"avx512_bf16", "amx_bf16"}) or (
            platform.machine() == "aarch64" and "bf16" in words
        )
    ask = getattr(torch.cpu, "get_capabilities", dict)
    return any(ask().get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def free_memory() -> int | None:
    """Bytes of memory that a program could take now; None where the system does not say."""
    if sys.platform == "win32":
        # MEMORYSTATUSEX: two 32-bit and seven 64-bit fields, free memory the second of these.
        status = (ctypes.c_uint64 * 8)(64)
        done = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return status[2] if done else None
    if sys.platform == "darwin":
        text = subprocess.run(["vm_stat"], capture_output=True, text=True, check=False).stdout
        pages = [
            int(line.split()[-1].rstrip("."))
            for line in text.splitlines()
            if line.startswith(("Pages free", "Pages inactive", "Pages speculative"))
        ]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE") if pages else None
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    fields = dict(line.split(":") for line in meminfo.read_text(encoding="utf-8").splitlines())
    free = int(fields["MemAvailable"].split()[0]) * 1024
    share = Path("/sys/fs/cgroup")  # a container's, when it has a limit of its own
    limit = share / "memory.max"
    if limit.is_file() and (text := limit.read_text(encoding="utf-8").strip()).isdigit():
        used = int((share / "memory.current").read_text(encoding="utf-8"))
        stat = dict(
            line.split()
            for line in (share / "memory.stat").read_text(encoding="utf-8").splitlines()
        )
        free = min(free, int(text) - used + int(stat["inactive_file"]))
    return free

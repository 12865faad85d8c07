"""How much of mapped files is in memory."""

from __future__ import annotations

from pathlib import Path

_MAPPINGS = Path("/proc/self/smaps")
TOLD = _MAPPINGS.exists()
"""Whether this system tells."""


def kibibytes_in_memory(path: Path) -> int:
    """How much of a file, or of those in a folder, this process has mapped and in memory."""
    total, counts = 0, False
    for line in _MAPPINGS.read_text().splitlines():
        if "-" in line.partition(" ")[0]:  # the addresses of the next mapping
            counts = str(path) in line
        elif counts and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total

"""What the benchmarks share: the peak of the memory, and CSV files that say how they were made."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

import stefaland_sk

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def peak_mib():
    """Give the peak of this process's memory [MiB]; VmHWM, unlike ru_maxrss, is its own."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def write_results(path, table, what, *, command, packages, seed, machine, notes=()):
    """Write a table as CSV, with remarks on how it was made above it, and print it.

    Parameters
    ----------
    path : Path
        File to write.
    table : DataFrame
        The results.
    what : str
        What was measured.
    command : str
        What was typed.
    packages : list of str
        Packages whose versions are told.
    seed : int
        Seed of the data or of the models.
    machine : str
        How much of the machine was used.
    notes : sequence of str, default=()
        More lines.
    """
    versions = [f"{name} {version(name)}" for name in packages]
    # The library itself may be run without being installed.
    versions = ", ".join([*versions, f"stefaland-sk {stefaland_sk.__version__}"])
    header = [
        what,
        f"command: python {command}",
        f"versions: python {platform.python_version()}, {versions}",
        f"machine: {platform.machine()}, {os.cpu_count()} cores shared with other work, {machine}",
        f"seed: {seed}, date: {datetime.date.today().isoformat()}",
        *notes,
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        file.write("".join(f"# {line}\n" for line in header))
        table.to_csv(file, index=False, lineterminator="\n")
    print(table.to_string(index=False))

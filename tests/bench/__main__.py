# SPDX-License-Identifier: Apache-2.0
"""`./dev bench [NAME...]`: run the benchmarks one after another, print a table of ratios, write it to build/bench/."""

import importlib
import json
import sys
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.model import Row

BENCHMARKS = (
    "cni",
    "pod_start",
    "agent",
    "memory",
    "probes",
    "store",
    "api_start",
    "api_writes",
    "api_reads",
    "api_watchers",
    "api_lists",
    "fleet",
)
WIDTH = 120
FOLDER = Path(__file__).parents[2] / "build" / "bench"


def main() -> None:
    names = sys.argv[1:] or BENCHMARKS
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.exit(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    for name in names:
        print(f"==> {name}", file=sys.stderr)
        rows += importlib.import_module(f"tests.bench.{name}").run()
    write(rows)


def write(rows: list[Row]) -> None:
    """Print the table, and keep it as JSON and as text."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "results.json").write_text(
        json.dumps([{**asdict(r), "ratio": r.ratio} for r in rows], indent=2) + "\n"
    )
    with (FOLDER / "results.txt").open("w") as file:
        screen = Console()
        wide = Console(file=file, width=WIDTH)
        for console in (screen if screen.is_terminal else Console(width=WIDTH), wide):
            console.print(table(rows))
    print(f"written to {FOLDER.relative_to(Path.cwd()) if FOLDER.is_relative_to(Path.cwd()) else FOLDER}/")


def table(rows: list[Row]) -> Table:
    made = Table(title="orlop and the reference, measured in one run")
    for column in ("what", "ours", "reference", "ratio", "budget", "met"):
        made.add_column(column, justify="right" if column in ("ours", "reference", "ratio") else "left")
    for row in rows:
        made.add_row(
            row.name,
            f"{row.ours:.1f} {row.unit}",
            f"{row.reference:.1f} {row.unit}" if row.reference is not None else "-",
            f"{row.ratio:.2f}" if row.ratio is not None else "-",
            row.budget,
            {True: "yes", False: "NO", None: ""}[row.met],
        )
    return made


if __name__ == "__main__":
    main()

"""All that needs a GPU, in one command of at most nine minutes, and a report of it.

    python -m benchmarks.gpu                    # writes benchmarks/RESULTS-gpu.md
    python -m benchmarks.gpu sync costs         # some sections
    python -m benchmarks.gpu --dry-run          # without a GPU: runs what can run on a CPU, and prints the report

Each section runs in a process of its own and has a time limit. The report is written again after each section, so it is there
even if the machine is taken away. A package that is missing (W&B, transformers) fails the section that needs it, with its name.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.gpu.report import report
from benchmarks.gpu.section import ROOT, Section, SectionResult, run

BUDGET = 540  # seconds, for all sections
RESULTS = ROOT / "benchmarks" / "RESULTS-gpu.md"
_LEAST = 5  # seconds with which a section is begun


def gpu_tests() -> list[str]:
    """The test files in which a test is marked with ``gpu``."""
    files = sorted((ROOT / "tests").rglob("test_*.py"))
    return [path.relative_to(ROOT).as_posix() for path in files if "mark.gpu" in path.read_text("utf-8")]


def tests(*arguments: str) -> tuple[str, ...]:
    """A call of pytest in one process, which needs none of its plugins."""
    plain = (
        "-o",
        "addopts=",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore::pytest.PytestConfigWarning",
    )
    return ("-m", "pytest", *plain, "-q", "-rs", "--continue-on-collection-errors", *arguments)


def sections() -> list[Section]:
    """All sections, in the order in which they run."""
    compiled = ("tests/optim/test_compiled.py", "tests/optim/test_fake_cuda.py")
    gpt = ("examples/gpt.py", "--size", "gpu", "--seeds", "1", "--updates", "400", "--out", "runs/gpu-gpt")
    return [
        Section("tests", "Tests that need a GPU: `pytest -m gpu`", 90, tests("-m", "gpu", *gpu_tests())),
        Section("sync", "No step waits for the GPU", 45, ("-m", "benchmarks.gpu.sync"), runs_on_cpu=True),
        Section("compile", "Compiled and captured steps: tests with this torch", 75, tests(*compiled)),
        Section(
            "optimizers",
            "Fused and capturable optimizers with scheduled keys",
            40,
            ("-m", "benchmarks.gpu.optimizers"),
            runs_on_cpu=True,
        ),
        Section("examples", "One training of each example", 110, ("-m", "benchmarks.gpu.examples")),
        Section(
            "costs", "Cost of a step with tensors on the GPU", 40, ("-m", "benchmarks.gpu.costs"), runs_on_cpu=True
        ),
        Section("gpt", "`examples/gpt.py`, shortened to 400 updates and one seed", 110, gpt),
    ]


def results(names: Sequence[str], *, dry: bool, budget: float = BUDGET) -> Iterator[SectionResult]:
    """Run the sections; one that cannot run has a result too."""
    begin = time.monotonic()
    for section in sections():
        left = budget - (time.monotonic() - begin)
        if section.name not in names:
            yield SectionResult(section, "not run", "not asked for")
        elif dry and not section.runs_on_cpu:
            yield SectionResult(section, "not run", "needs CUDA")
        elif left < _LEAST:
            yield SectionResult(section, "not run", f"no time is left of {budget} s")
        else:
            yield run(section, min(section.limit, left))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run, and write the report; the exit status is 1 if a section did not pass."""
    names = [section.name for section in sections()]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"some of {', '.join(names)}; all if none")
    parser.add_argument("--dry-run", action="store_true", help="run on a CPU what can run there, and list the rest")
    parser.add_argument(
        "--out", type=Path, help=f"the report; default: {RESULTS.relative_to(ROOT)}, for a dry run the screen"
    )
    parsed = parser.parse_args(arguments)
    if unknown := set(parsed.sections) - set(names):
        parser.error(f"no section is called {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    if not parsed.dry_run and not torch.cuda.is_available():
        parser.error(
            "there is no CUDA device. Write python -m benchmarks.gpu --dry-run to see what can run without one."
        )
    out = parsed.out or (None if parsed.dry_run else RESULTS)
    command = " ".join(["python -m benchmarks.gpu", *parsed.sections, *(["--dry-run"] if parsed.dry_run else [])])

    done: list[SectionResult] = []
    for result in results(parsed.sections or names, dry=parsed.dry_run):
        done.append(result)
        print(f"{result.section.name}: {result.status} {result.reason}".rstrip(), file=sys.stderr, flush=True)
        waiting = [SectionResult(section, "not run", "the run ended before it") for section in sections()[len(done) :]]
        if out is not None:
            out.write_text(report([*done, *waiting], command), "utf-8")
    if out is None:
        print(report(done, command))
    if any(result.status != "passed" for result in done if result.reason not in ("not asked for", "needs CUDA")):
        raise SystemExit(1)


if __name__ == "__main__":
    main()

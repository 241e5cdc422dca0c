"""The run on a GPU: what can be seen of it without one."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import examples, optimizers, sync
from benchmarks.gpu.report import report
from benchmarks.gpu.section import ROOT, Section, SectionResult, reason_of, run

no_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="it would run for minutes")


def section(code: str, limit: int = 60, **options: bool) -> Section:
    """A section that runs this code."""
    return Section("code", "Some code", limit, ("-c", code), **options)


# --- a section ----------------------------------------------------------------------------------------------------------


def test_all_sections_fit_into_nine_minutes() -> None:
    """The limits together are at most nine minutes, and each section has its name."""
    sections = gpu.sections()

    assert sum(each.limit for each in sections) <= gpu.BUDGET <= 9 * 60
    assert [each.name for each in sections] == ["tests", "sync", "compile", "optimizers", "examples", "costs", "gpt"]


def test_the_files_of_a_section_exist() -> None:
    """Each test file, script and module that a section runs is there."""
    for each in gpu.sections():
        for argument in each.arguments:
            if argument.endswith(".py"):
                assert (ROOT / argument).is_file()
            if argument.startswith("benchmarks."):
                assert (ROOT / (argument.replace(".", "/") + ".py")).is_file()


@pytest.mark.slow
def test_the_call_of_pytest_needs_no_plugin() -> None:
    """Without xdist and timeout, which a machine with a GPU may lack, ``-m gpu`` selects the marked tests and nothing else."""
    file = "tests/optim/test_group_writer.py"
    command = [sys.executable, *gpu.tests("-m", "gpu", "-p", "no:xdist", "-p", "no:timeout", "--collect-only", file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", timeout=100, check=False)
    collected = [line for line in done.stdout.splitlines() if "::" in line]

    assert done.returncode == 0, done.stdout + done.stderr
    assert file in gpu.gpu_tests()
    assert collected
    assert {line.partition("[")[0] for line in collected} == {f"{file}::test_no_step_makes_the_host_wait_for_a_gpu"}


def test_a_section_that_passes() -> None:
    """Its output is kept, also that on stderr."""
    result = run(section("import sys; print('one'); print('two', file=sys.stderr)"), 60)

    assert (result.status, result.reason) == ("passed", "")
    assert set(result.output.split()) == {"one", "two"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_package", "not installed: no_such_package"),
        ("raise ValueError('bad number')", "exit status 1: ValueError: bad number"),
        ("raise SystemExit(3)", "exit status 3, without a word"),
    ],
)
def test_a_section_that_fails_has_its_reason(code: str, reason: str) -> None:
    """The reason is the package that is missing, or the last line."""
    result = run(section(code), 60)

    assert (result.status, result.reason) == ("failed", reason)


def test_a_section_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """It and the processes that it started are ended, and what it printed until then is kept."""
    mark = tmp_path / "mark"
    child = f"import time, pathlib; time.sleep(4); pathlib.Path({str(mark)!r}).touch()"
    code = f"import subprocess, sys; print('begun', flush=True); subprocess.run([sys.executable, '-c', {child!r}])"
    result = run(section(code), 2)

    assert result.status == "out of time"
    assert result.reason.startswith("stopped after 2 s")
    assert result.output.strip() == "begun"
    time.sleep(3)
    assert not mark.exists()


def test_the_missing_packages_are_named_once() -> None:
    """Several errors of the same import are one reason."""
    printed = "ModuleNotFoundError: No module named 'wandb'\nE  No module named 'wandb'\nNo module named 'a.b'\n"

    assert reason_of(1, printed) == "not installed: a.b, wandb"


# --- the whole run ------------------------------------------------------------------------------------------------------


def test_nothing_is_left_out() -> None:
    """A section that needs CUDA, that nobody asked for or for which no time is left is listed with that reason."""
    dry = {result.section.name: result for result in gpu.results(["tests", "gpt"], dry=True)}
    late = {result.section.name: result for result in gpu.results(["costs"], dry=False, budget=1)}

    assert list(dry) == list(late) == [each.name for each in gpu.sections()]
    assert {result.status for result in (*dry.values(), *late.values())} == {"not run"}
    assert (dry["tests"].reason, dry["sync"].reason) == ("needs CUDA", "not asked for")
    assert late["costs"].reason == "no time is left of 1 s"


def test_the_report_has_every_result() -> None:
    """Each section is a row with its limit and its reason; what it printed is below, a long output without its middle."""
    lines = "\n".join(f"line {index}" for index in range(1000))
    page = report(
        [
            SectionResult(section("", 7), "passed", "", 1.0, "| a | b |\n| --- | --- |"),
            SectionResult(replace(section(""), title="Long"), "failed", "exit status 1: a|b", 2.0, lines),
            SectionResult(replace(section(""), title="None"), "not run", "needs CUDA"),
        ],
        "python -m benchmarks.gpu",
    )

    assert "| Some code | 7 s | 1 s | passed |" in page
    assert "| Long | 60 s | 2 s | **failed**: exit status 1: a\\|b |" in page
    assert "| None | 60 s | 0 s | **not run**: needs CUDA |" in page
    assert "## Some code\n\n| a | b |\n| --- | --- |" in page
    assert "line 0\n" in page
    assert "line 999\n" in page
    assert "... 840 lines ..." in page
    assert "## None" not in page
    assert f"torch {torch.__version__}" in page


@pytest.mark.slow
def test_a_dry_run_prints_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    """It runs what can run on a CPU, lists every other section, and writes no results."""
    gpu.main(["optimizers", "--dry-run"])
    page = capsys.readouterr().out

    assert "| Fused and capturable optimizers with scheduled keys | 40 s |" in page
    assert "| AdamW, fused, tensor LR | equal: " in page
    assert page.count("**not run**: not asked for") == len(gpu.sections()) - 1


@no_gpu
def test_without_a_gpu_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with the one to write instead, and there is no file of results from a CPU."""
    with pytest.raises(SystemExit) as ended:
        gpu.main([])

    assert ended.value.code == 2
    assert "--dry-run" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        gpu.main(["no such section", "--dry-run"])
    assert "there are tests, sync, compile" in capsys.readouterr().err


def test_the_report_is_written_after_each_section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A section sees the file with the results before it; the exit status is 1 because one failed."""
    out = tmp_path / "report.md"
    first = replace(section("raise SystemExit('broken')", runs_on_cpu=True), name="first")
    second = replace(section(f"print(open({str(out)!r}).read())", runs_on_cpu=True), name="second")
    monkeypatch.setattr(gpu, "sections", lambda: [first, second])

    with pytest.raises(SystemExit) as ended:
        gpu.main(["--dry-run", "--out", str(out)])

    page = out.read_text("utf-8")
    assert ended.value.code == 1
    assert "**failed**: exit status 1: broken" in page
    assert "**not run**: the run ended before it" in page.split("````text")[2]


# --- the sections' own code ---------------------------------------------------------------------------------------------


def test_a_scheduled_key_that_does_not_act_is_found() -> None:
    """The comparison is equal for the same keys, and differs by more than its limit if ours leaves the keys alone."""
    case = next(case for case in optimizers.CASES if case.name == "AdamW, tensor LR and betas")
    lazy = optimizers.on_schedule(replace(case, keys=(), tensors=frozenset({"lr"})), "cpu")
    right = optimizers.by_hand(case, "cpu")
    weights = [torch.cat([p.detach() for p in each.param_groups[0]["params"]]) for each in (lazy, right)]

    assert optimizers.difference(case, "cpu") < 1e-5
    assert float((weights[0] - weights[1]).abs().max() / weights[1].abs().max()) > 1e-4


@pytest.mark.parametrize("tensor", [False, True])
def test_the_loops_of_the_sync_section_run(tensor: bool) -> None:
    """Without CUDA the same updates run, with a reading and with three keys, and the scheduler resumes."""
    sync.plain_loop(tensor=tensor, plateau=True)
    sync.plain_loop(tensor=tensor, keys=True)


def test_the_hooks_of_a_trainer_are_guarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a Trainer the monitor's hooks, the optimizer's and the scheduler's step run under the guard."""
    names: list[str] = []
    wrap = sync.guarded
    monkeypatch.setattr(sync, "guarded", lambda function: names.append(function.__name__) or wrap(function))
    sync.in_a_trainer(sync.LRMonitor, tensor=True)

    assert {"on_train_batch_start", "on_train_batch_end"} <= set(names)
    assert len(names) > 4


def test_every_example_is_trained() -> None:
    """All files of examples/ are trained but the shared parts and ``gpt.py``, which has its own section."""
    files = {path.stem for path in (ROOT / "examples").glob("*.py")}

    assert set(examples.names()) == files - {"digits", "gpt"}


@pytest.mark.parametrize(
    ("printed", "device"),
    [
        ("60 compiled updates on cuda with inductor", "cuda"),
        ("Trained on cuda:0 (NVIDIA H100): 10", "cuda:0"),
        ("on cpu", "cpu"),
        ("", ""),
    ],
)
def test_the_device_is_read_from_the_output(printed: str, device: str) -> None:
    """An example that fell back to the CPU is seen."""
    assert examples.device_in(printed) == device

"""`python3 -m ppims bench`: it measures everything once, and leaves nothing behind. No test
asks how fast: a test machine is busy with other tests.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench import chart, small_machine
from tests.bench.installation import OWN_CHECKOUT, ROOT, Checkout, Installation
from tests.bench.load import (
    ADD_CUSTOMER,
    CHECK_LIMIT,
    EMPTY_OPERATION,
    FIND_STATUS,
    MIXED_CALLS,
    PAIRED_CALLS,
    READ_OPERATIONS,
    UPDATE_LIMIT,
    Run,
)
from tests.bench.plan import OPERATIONS, Plan, Setup, write_number
from tests.bench.ratios import Ratio, make_ratios
from tests.bench.results import NO_SETUP, Kill, Pgbench, RawRates, Results, Sample, Spread
from tests.bench.server import serve

IS_REQUIRED = "wrk" in os.environ.get("PPIMS_TEST_REQUIRE", "")
needs_wrk = pytest.mark.skipif(
    not shutil.which("wrk") and not IS_REQUIRED,
    reason="no wrk here, the bench is NOT tested (apt-get install wrk)",
)


SHORT_RUN = "--customers 500 --clients 4 --workers 2 --rounds 1 --seconds 1".split()


def run_bench(folder, *arguments, **variables):
    folder.mkdir()
    folder.chmod(0o711)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PPIMS_", "DATABASE_"))}
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", *arguments],
        cwd=ROOT,
        env={**inherited, "TMPDIR": str(folder), **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def list_programs(folder):
    """List what runs with this folder in its environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            has = str(folder).encode() in path.read_bytes()
        except OSError:
            continue  # has ended
        found += [path.parent.name] if has else []
    return found


@needs_wrk
@pytest.mark.only_on("sqlite", "it brings its own databases")
def test_quick_measures_everything_and_leaves_nothing_behind(tmp_path):
    own, figures, drawing = tmp_path / "own", tmp_path / "bench.json", tmp_path / "bench.svg"
    done = run_bench(own, "--quick", "--json", str(figures), "--svg", str(drawing))
    assert done.returncode == 0, done.stderr
    assert list(own.iterdir()) == []
    assert list_programs(own) == []
    found = json.loads(figures.read_text())
    empty = [name for name, value in found.items() if value in ([], {})]
    assert empty == ["pgbench", "round_trips"]  # of PostgreSQL
    assert {run["operation"] for run in found["runs"]} == {EMPTY_OPERATION, *OPERATIONS}
    runs = [*found["runs"], *(overload["run"] for overload in found["overload"])]
    assert [run for run in runs if run["errors"]] == []
    assert [run for run in runs if not run["rate"] > 0 < run["p50_us"] <= run["worst_us"]] == []
    (kill,) = found["kills"]
    assert kill["acknowledged"] > 0
    assert (kill["lost"], kill["verify_found"]) == ([], "")
    ratios = [ratio["name"] for ratio in found["ratios"]]
    assert [name for name in ratios if f"| RATIO {name} " not in done.stdout] == []
    # There is one size, so that no p50 is compared with another size's.
    assert {name.partition(" ÷ ")[2] for name in ratios} == {
        "empty operation",
        "raw loop",
        "1",
        "p50",
    }
    assert ET.parse(drawing).getroot().tag.endswith("svg")


def make_checkout(folder):
    """Make what looks like another checkout: the same code, which this Python runs."""
    (folder / ".venv" / "bin").mkdir(parents=True)
    python = folder / ".venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name in ("manage.py", "pyproject.toml", "ppims", "customers", "limits", "tests"):
        (folder / name).symlink_to(ROOT / name)
    for name in ("templates", "static", "fixtures"):
        (folder / name).symlink_to(ROOT / name)


@needs_wrk
@pytest.mark.only_on("postgresql", "it brings its own")
def test_postgresql_is_measured_beside_pgbench_and_farther_away_and_for_two_checkouts(tmp_path):
    figures, other = tmp_path / "bench.json", tmp_path / "other"
    make_checkout(other)
    asked = ["--postgres", "--against", str(other), "--operations", "pairs"]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # PostgreSQL runs as another user
        own = Path(folder) / "own"
        done = run_bench(own, *SHORT_RUN, *asked, "--json", str(figures))
        assert done.returncode == 0, done.stderr
        assert (list(own.iterdir()), list_programs(own)) == ([], [])
    found = json.loads(figures.read_text())
    kinds = ["500", "PostgreSQL, 500", "PostgreSQL, 500, + 0.5 ms"]
    runs = {run["setup"]: run for run in found["runs"] if run["operation"] == PAIRED_CALLS}
    assert [*runs] == [whose + kind for kind in kinds for whose in ("", "other: ")]
    assert [run for run in runs.values() if run["errors"] or not run["pairs"]] == []
    spent = {name for name, run in runs.items() if run["database_cpu_seconds"] > 0}
    assert spent == {name for name in runs if "PostgreSQL" in name}
    assert [each["setup"] for each in found["pgbench"] if each["pair_rate"] > 0] == [
        "PostgreSQL, 500",
        "other: PostgreSQL, 500",
    ]
    for trip in found["round_trips"]:
        assert trip["relayed_ms"] - trip["direct_ms"] > 0.4 < 2 * trip["each_way_ms"]
    ratios = {ratio["name"]: ratio["by_setup"] for ratio in found["ratios"]}
    assert [*ratios["pairs over HTTP ÷ pgbench's pairs"]] == [kinds[1], f"other: {kinds[1]}"]
    assert [*ratios["pairs ÷ other's"]] == [*ratios["resident ÷ other's"]] == kinds
    assert [*ratios["pairs: PostgreSQL's CPU an answer ÷ other's"]] == kinds[1:]


@needs_wrk
@pytest.mark.only_on("sqlite", "it brings its own databases")
def test_another_program_is_driven_by_turns_and_its_log_in_is_told_to_nobody(tmp_path):
    second, figures = Installation(tmp_path / "second", 200, 1), tmp_path / "bench.json"
    second.seed()
    (access, *_) = json.loads((second.folder / "seed.json").read_text())["processors"]
    log_in = {
        f"BENCH_{name.upper()}": access[name] for name in ("system_id", "username", "password")
    }
    with serve(second, workers=1, PPIMS_API_PREFIXES="/wallets/v2") as program:
        program.wait_until_it_answers("/readyz")
        asked = ["--beside", program.url, "/wallets/v2", "--json", str(figures)]
        done = run_bench(tmp_path / "own", *SHORT_RUN, *asked, **log_in)
        wrong = {**log_in, "BENCH_PASSWORD": "wrong"}
        refused = run_bench(tmp_path / "refused", *SHORT_RUN, *asked, **wrong)
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "own").iterdir()) == []
    found = json.loads(figures.read_text())["beside"]
    for side in ("ours", "theirs"):
        runs = found[side]["runs"]
        assert [run["operation"] for run in runs] == [FIND_STATUS, ADD_CUSTOMER]
        assert [run for run in runs if run["errors"] or not run["rate"]] == []
        assert [run for run in runs if not run["server_cpu_ms"] > 0] == []
        assert found[side]["resident_mib"] > 10
    assert f"| {FIND_STATUS}: ms of CPU an answer | 4 | " in done.stdout
    told = figures.read_text() + done.stdout + done.stderr + refused.stderr
    assert access["password"] not in told
    assert refused.returncode == 1
    assert f"{program.url} answered to adds: " in refused.stderr
    assert "'401 401': " in refused.stderr


@needs_wrk
@pytest.mark.only_on("sqlite", "it touches no database")
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--beside", "http://127.0.0.1:1", "/x"], "BENCH_SYSTEM_ID, BENCH_USERNAME"),
        (["--against", "/nowhere"], "/nowhere is not another checkout that has been set up"),
        (["--against", str(ROOT)], f"{ROOT} is not another checkout that has been set up"),
    ],
)
def test_what_a_comparison_lacks_is_said_in_one_line(tmp_path, asked, message):
    done = run_bench(tmp_path / "own", *SHORT_RUN, *asked)
    assert done.returncode == 1
    assert message in done.stderr.splitlines()[-1]


@pytest.mark.only_on("sqlite", "it touches no database")
def test_without_wrk_one_line_says_how_to_get_it(tmp_path):
    done = run_bench(tmp_path / "own", "--quick", PATH="/nowhere")
    assert done.returncode == 1
    assert done.stderr == "ppims: wrk makes the load, and is not here: apt-get install wrk\n"


WITHOUT_TEST_PACKAGES = """
import sys
for name in ("factory", "hypothesis", "psycopg", "pytest", "schemathesis"):
    sys.modules[name] = None  # importing it fails
import django
django.setup()
import tests.bench.__main__, tests.bench.inside
"""


@pytest.mark.only_on("sqlite", "it touches no database")
def test_it_needs_no_package_but_those_that_serve(tmp_path):
    """`python3 -m ppims bench` installs no other, except PostgreSQL's driver where it needs it."""
    environment = Installation(tmp_path, 1, 1).make_environment()
    subprocess.run(
        [sys.executable, "-c", WITHOUT_TEST_PACKAGES], cwd=ROOT, env=environment, check=True
    )


TOO_MUCH = """
import sys
sys.stdin.read()  # until it is held
held = bytearray(700_000_000)
held[::4096] = bytes(len(held[::4096]))
"""


@pytest.mark.only_on("sqlite", "it touches no database")
def test_a_small_machine_begins_with_nothing_of_the_file_in_memory(tmp_path, monkeypatch):
    file, told = tmp_path / "large", []
    file.write_bytes(b"kept")
    advise = os.posix_fadvise
    monkeypatch.setattr(
        os, "posix_fadvise", lambda fd, *said: told.append((advise(fd, *said), said))
    )
    small_machine.forget_pages(file)
    assert told == [(None, (0, 0, os.POSIX_FADV_DONTNEED))]
    assert file.read_bytes() == b"kept"


@pytest.mark.only_on("sqlite", "it touches no database")
@pytest.mark.parametrize("versions", [small_machine.CGROUP_VERSIONS, ()])
def test_what_is_kept_small_gets_one_core_and_no_more_than_512_mb(monkeypatch, versions):
    monkeypatch.setattr(small_machine, "CGROUP_VERSIONS", versions)
    with small_machine.make_limiter() as limiter:
        command = [*limiter.prefix, sys.executable, "-c", TOO_MUCH]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            limiter.limit(process.pid)
            cores = os.sched_getaffinity(process.pid)
            process.stdin.close()
            assert process.wait(60) != 0, limiter.means
    assert len(cores) == 1


# What is made of the figures.


def make_run(operation=MIXED_CALLS, **figures):
    some = {"clients": 64, "workers": 2, "seconds": 2.0, "p50_us": 1, "p99_us": 2, "worst_us": 3}
    some |= {"counts": {}, "broken": 0, "late": 0}
    some |= {"server_cpu_seconds": [], "load_cpu_seconds": 0.0}
    return Run(operation=operation, **{**some, **figures})


def make_plan(folder, *sizes, **more):
    """Plan setups on SQLite of so many customers, with 64 clients, on one worker and on two."""
    setups = more.pop("setups", tuple(Setup(Installation(folder, size, 1)) for size in sizes))
    times = {"rounds": 3, "seconds": 2, "raw_times": 1}
    which = {"is_quick": False, "does_overload": False}
    return Plan(setups, folder, workers=(1, 2), clients=(64,), **times, **which, **more)


def test_an_answer_is_good_shed_or_an_error():
    counts = {"good": 10, "C": 6, "U": 4, "declined": 1, "503 503": 2, "409 409": 3, "200 500": 4}
    run = make_run(counts=counts, broken=5, late=6)
    assert (run.rate, run.pairs, run.shed, run.errors) == (5, 4, 2, 3 + 4 + 5 + 6)
    assert (run.declined, run.flagged, run.pair_rate) == (1, 0, 2)


def test_a_figure_is_the_median_of_its_rounds():
    rates = [make_run(counts={"good": good}) for good in (2, 20, 4)]
    others = [make_run(clients=8, counts={"good": 99}), make_run("other", counts={"good": 99})]
    samples = [Sample("here", number, each) for number, each in enumerate(rates)]
    samples += [Sample("here", 1, each) for each in others]
    results = Results(runs=[*samples, Sample("there", 1, rates[1])])
    assert results.find("here", MIXED_CALLS, 2, 64) == Spread(2, 1, 10)
    assert results.find("here", MIXED_CALLS, 1, 64) is None


def test_a_ratio_is_made_within_a_round_and_its_median_is_shown(tmp_path):
    disk = {1: 100.0, 2: 10.0, 3: 1.0}  # others use it more and more
    rates = {CHECK_LIMIT: 1, UPDATE_LIMIT: 2, ADD_CUSTOMER: 3}
    raw = [
        RawRates("1,000", number, 2, {name: speed * times for name, times in rates.items()})
        for number, speed in disk.items()
    ]
    good = {1: 100, 2: 20, 3: 6}  # in two seconds: 0.5, 1 and 3 times as many
    runs = [
        Sample("1,000", number, make_run(CHECK_LIMIT, counts={"good": answers}))
        for number, answers in good.items()
    ]
    found = make_ratios(Results(runs=runs, raw=raw), make_plan(tmp_path, 1_000, 2_000))
    assert found == [Ratio(f"{CHECK_LIMIT} ÷ raw loop", 2, 64, {"1,000": 1.0})]
    assert raw[0].pair_rate == pytest.approx(1 / (1 / 100 + 1 / 200))


def make_reads(setup, workers, p50_us):
    times = {"workers": workers, "p50_us": p50_us, "counts": {"good": 100 * (1 + workers)}}
    return [Sample(setup, 1, make_run(operation, **times)) for operation in READ_OPERATIONS]


def test_each_read_is_compared_with_each_of_its_baselines(tmp_path):
    runs = [
        Sample(NO_SETUP, 1, make_run(EMPTY_OPERATION, workers=workers, counts={"good": 100}))
        for workers in (1, 2)
    ]
    for workers in (1, 2):
        runs += [*make_reads("1,000", workers, 2), *make_reads("2,000", workers, 3)]
    found = make_ratios(Results(runs=runs), make_plan(tmp_path, 1_000, 2_000))
    for operation in READ_OPERATIONS:
        assert [ratio for ratio in found if ratio.name.startswith(operation)] == [
            Ratio(f"{operation} ÷ empty operation", 1, 64, {"1,000": 2.0, "2,000": 2.0}),
            Ratio(f"{operation} ÷ empty operation", 2, 64, {"1,000": 3.0, "2,000": 3.0}),
            Ratio(f"{operation}: p50 ÷ that of 1,000", 2, 64, {"2,000": 1.5}),
            Ratio(f"{operation}: 2 workers ÷ 1", 2, 64, {"1,000": 1.5, "2,000": 1.5}),
        ]
    assert len(found) == 4 * len(READ_OPERATIONS)


def make_two_checkouts(folder):
    """Plan SQLite, PostgreSQL and a small machine, from this checkout and from one called "old"."""
    other = Checkout(folder / "old", sys.executable)
    setups = [
        Setup(Installation(folder, 1_000, 1, url, checkout=checkout), is_low_end=is_low_end)
        for url, is_low_end in (("", False), ("postgres://", False), ("", True))
        for checkout in (OWN_CHECKOUT, other)
    ]
    return make_plan(folder, setups=tuple(setups), other_checkout="old")


def test_two_checkouts_are_measured_by_turns_and_the_later_one_first_in_the_next_round(tmp_path):
    plan = make_two_checkouts(tmp_path)
    first, second = ([[each.name for each in g] for g in plan.list_groups(n)] for n in (1, 2))
    assert first[:2] == [["1,000", "old: 1,000"], ["PostgreSQL, 1,000", "old: PostgreSQL, 1,000"]]
    assert first[2:] == [["1,000, low end"], ["old: 1,000, low end"]]  # one small machine at a time
    assert second == [group[::-1] for group in first[::-1]]


def test_a_checkout_is_compared_with_the_other_and_pairs_with_those_of_pgbench(tmp_path):
    plan, pairs = make_two_checkouts(tmp_path), {"good": 40, "C": 20, "U": 20}
    spent = {"server_cpu_seconds": [0.01, 0.03], "database_cpu_seconds": 0.02}
    name = "PostgreSQL, 1,000"
    runs = [
        Sample(name, 1, make_run(PAIRED_CALLS, counts=pairs, **spent)),
        Sample(f"old: {name}", 1, make_run(PAIRED_CALLS, counts={"good": 10, "U": 5}, **spent)),
        Sample(name, 2, make_run(PAIRED_CALLS, counts=pairs)),  # the other had no second round
    ]
    pgbench = [(name, 1, Pgbench(64, 20.0, 0.1)), (name, 1, Pgbench(8, 1.0, 0.1))]
    found = make_ratios(Results(runs=runs, pgbench=pgbench), plan)
    assert [(ratio.name, ratio.by_setup) for ratio in found] == [
        ("pairs over HTTP ÷ pgbench's pairs", {name: 0.5}),
        ("pairs ÷ old's", {name: 4.0}),
        ("pairs: p50 ÷ old's", {name: 1.0}),
        ("pairs: server's CPU an answer ÷ old's", {name: 0.25}),
        ("pairs: PostgreSQL's CPU an answer ÷ old's", {name: 0.25}),
    ]


@pytest.mark.parametrize(
    ("lost", "verify_found", "message"),
    [(["BC1-2"], "", "1 lost; the ledger verifies BC1-2"), ([], "a gap", "0 lost; a gap")],
)
def test_a_lost_write_or_a_ledger_that_does_not_verify_is_a_failure(lost, verify_found, message):
    results = Results(kills=[Kill("here", 7, [], "")])
    results.require_nothing_lost()
    results.kills.append(Kill("here", 7, lost, verify_found))
    with pytest.raises(RuntimeError, match=f"^after kill -9: of 7 acknowledged {message}$"):
        results.require_nothing_lost()


def test_the_chart_has_every_size_and_operation(tmp_path):
    plan = make_plan(tmp_path, 10_000, 1_000_000)
    samples = [
        Sample(setup.name, 1, make_run(operation, counts={"good": 2000}))
        for setup in plan.setups
        for operation in OPERATIONS
    ]
    drawn = chart.draw_chart(Results(runs=samples), plan)
    texts = {text.text for text in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= {"0", "1,000", "10,000", "10,00,000", *OPERATIONS}


def test_numbers_are_written_as_in_india():
    numbers = (0, 999, 1000, 99_999, 100_000, 1_000_000, 12_345_678)
    written = ["0", "999", "1,000", "99,999", "1,00,000", "10,00,000", "1,23,45,678"]
    assert [write_number(number) for number in numbers] == written

"""`python3 -m ppims bench --quick`: it measures everything once, and leaves nothing behind. What it
finds is judged nowhere here: a test machine is busy with other tests.
"""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.bench import chart, limiting
from tests.bench.installation import ROOT, Installation
from tests.bench.load import ADD, CHECK, UPDATE, Run
from tests.bench.results import Measured, Raw, Results, Spread
from tests.bench.rounds import OPERATIONS, Setup, lakhs
from tests.bench.targets import Scope, Target, targets

IS_REQUIRED = "wrk" in os.environ.get("PPIMS_TEST_REQUIRE", "")
needs_wrk = pytest.mark.skipif(
    not shutil.which("wrk") and not IS_REQUIRED,
    reason="no wrk here, the bench is NOT tested (apt-get install wrk)",
)


def bench(folder, *arguments, **variables):
    folder.mkdir()
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


def programs_of(folder):
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
    done = bench(own, "--quick", "--json", str(figures), "--svg", str(drawing))
    assert done.returncode == 0, done.stderr
    assert list(own.iterdir()) == []
    assert programs_of(own) == []
    said = json.loads(figures.read_text())
    assert [name for name, value in said.items() if value in ([], {})] == []
    assert [t["name"] for t in said["targets"] if t["value"] is None] == [
        "p50, most ÷ fewest customers"  # there is one size only
    ]
    assert {run["operation"] for run in said["runs"]} == set(OPERATIONS)
    runs = [*said["runs"], *said["empty"], *(o["run"] for o in said["overload"])]
    assert [run for run in runs if run["errors"]] == []
    assert [run for run in runs if not run["rate"] > 0 < run["p50_us"] <= run["worst_us"]] == []
    (killed,) = said["killed"]
    assert killed["acknowledged"] > 0
    assert (killed["lost"], killed["verify_found"]) == ([], "")
    assert "TARGET" in done.stdout
    assert ET.parse(drawing).getroot().tag.endswith("svg")


@pytest.mark.only_on("sqlite", "it touches no database")
def test_without_wrk_one_line_says_how_to_get_it(tmp_path):
    done = bench(tmp_path / "own", "--quick", PATH="/nowhere")
    assert done.returncode == 1
    assert done.stderr == "ppims: wrk makes the load, and is not here: apt-get install wrk\n"


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
    limiting.forget_pages(file)
    assert told == [(None, (0, 0, os.POSIX_FADV_DONTNEED))]
    assert file.read_bytes() == b"kept"


@pytest.mark.only_on("sqlite", "it touches no database")
@pytest.mark.parametrize("versions", [limiting.VERSIONS, ()])
def test_what_is_kept_small_gets_one_core_and_no_more_than_512_mb(monkeypatch, versions):
    monkeypatch.setattr(limiting, "VERSIONS", versions)
    with limiting.small() as small:
        command = [*small.before, sys.executable, "-c", TOO_MUCH]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            small.hold(process.pid)
            cores = os.sched_getaffinity(process.pid)
            process.stdin.close()
            assert process.wait(60) != 0, small.means
    assert len(cores) == 1


# What is made of the figures.


def run(operation="mix", **figures):
    made = {"clients": 64, "workers": 2, "seconds": 2.0, "p50_us": 1, "p99_us": 2, "worst_us": 3}
    made |= {"counts": {}, "broken": 0, "late": 0}
    made |= {"server_cpu_seconds": [], "load_cpu_seconds": 0.0}
    return Run(operation=operation, **{**made, **figures})


def test_an_answer_is_good_shed_or_an_error():
    counts = {"good": 10, "C": 6, "U": 4, "declined": 1, "503 503": 2, "409 409": 3, "200 500": 4}
    found = run(counts=counts, broken=5, late=6)
    assert (found.rate, found.pairs, found.shed, found.errors) == (5, 4, 2, 3 + 4 + 5 + 6)


def test_a_figure_is_the_median_of_its_rounds():
    rates = [run(counts={"good": good}) for good in (2, 20, 4)]
    others = [run(clients=8, counts={"good": 99}), run("other", counts={"good": 99})]
    runs = [Measured("here", number, each) for number, each in enumerate(rates)]
    runs += [Measured("here", 1, each) for each in others]
    found = Results(runs=[*runs, Measured("there", 1, rates[1])])
    assert found.of("here", "mix", 2, 64) == Spread(2, 1, 10)
    assert found.of("here", "mix", 1, 64) is None


def test_a_ratio_is_made_within_a_round_and_its_median_counts():
    raws = {1: 100.0, 2: 10.0, 3: 1.0}  # a disk that others use more and more
    rates = {CHECK: 1, UPDATE: 2, ADD: 3}
    raw = [
        Raw("here", number, 2, {name: raw * times for name, times in rates.items()})
        for number, raw in raws.items()
    ]
    good = {1: 100, 2: 20, 3: 6}  # in two seconds: 0.5, 1 and 3 times as many
    runs = [Measured("here", number, run(CHECK, counts={"good": g})) for number, g in good.items()]
    scope = Scope(setups=("here",), slow=None, workers=(1, 2), clients=(64,), operations=())
    found = {t.name: t for t in targets(Results(runs=runs, raw=raw), scope)}
    assert found["check, update ÷ raw loop"].parts == {f"{CHECK}, here": 1.0}
    assert raw[0].pairs == pytest.approx(1 / (1 / 100 + 1 / 200))


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ({}, "not measured"),
        ({"a": 2.0, "b": 0.49}, "below the floor"),
        ({"a": 2.0, "b": 0.5}, "floor"),
        ({"a": 2.0, "b": 0.9}, "aim"),
        ({"a": 2.0, "b": 1.3}, "moonshot"),
    ],
)
def test_the_worst_part_decides_what_a_target_has_reached(parts, verdict):
    assert Target("more is better", 0.5, 0.9, 1.3, parts).verdict == verdict


@pytest.mark.parametrize(
    ("worst", "verdict"),
    [(6.01, "below the floor"), (6, "floor"), (4, "aim"), (2.5, "moonshot")],
)
def test_less_may_be_better(worst, verdict):
    assert Target("less is better", 6, 4, 2.5, {"a": 1.0, "b": worst}).verdict == verdict


def test_the_chart_has_every_size_and_operation(tmp_path):
    setups = [Setup(Installation(tmp_path, size, 1)) for size in (10_000, 1_000_000)]
    plan = SimpleNamespace(setups=setups, clients=(64,), workers=(2,))
    runs = [
        Measured(setup.name, 1, run(operation, counts={"good": 2000}))
        for setup in setups
        for operation in OPERATIONS
    ]
    drawn = chart.draw(Results(runs=runs), plan)
    texts = {text.text for text in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")}
    assert texts >= {"10,000", "10,00,000", *OPERATIONS}


def test_numbers_are_written_as_in_india():
    numbers = (0, 999, 1000, 99_999, 100_000, 1_000_000, 12_345_678)
    written = ["0", "999", "1,000", "99,999", "1,00,000", "10,00,000", "1,23,45,678"]
    assert [lakhs(number) for number in numbers] == written

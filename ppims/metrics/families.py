"""All of it in Prometheus's own format, which prometheus-client writes."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

from django.conf import settings
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ppims.core import counts
from ppims.core.counts import Counts, Labels, Numbers
from ppims.core.kept_counts import Worker
from ppims.core.version import read_version
from ppims.db import sizes
from ppims.metrics import gauges
from ppims.metrics.gauges import Sample
from ppims.metrics.look import DATABASE_LOOK
from ppims.server import worker_counts

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Everything(Collector):
    """What all workers have counted, what they measure, and what the database says."""

    def collect(self) -> Iterable[Metric]:
        """Make a family of samples for each name, some without any."""
        workers = worker_counts.read_all()
        for each in counts.EVERY_COUNT:
            yield _make_counted(each, _add_up(each, workers))
        seen = DATABASE_LOOK.take()
        samples = [*_measure(workers), *seen.samples]
        samples.append(Sample("ppims_database_up", seen.is_up))
        yield from _make_gauges(samples)


def write_metrics(accept: str) -> tuple[bytes, str]:
    """Write all metrics in the format that is asked for, and name its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Everything())
    write, content_type = choose_encoder(accept)
    return write(registry), content_type


def _add_up(each: Counts, workers: Sequence[Worker]) -> dict[Labels, Numbers]:
    # What can be told beforehand is there as nothing, so that the first one is seen to come.
    total: dict[Labels, Numbers] = {(label,): [0] for label in each.known}
    if not each.labels and not each.bounds:
        total[()] = [0]
    for worker in workers:
        for labels, numbers in worker.counted.get(each.name, {}).items():
            known = total.get(labels) or [0] * len(numbers)
            total[labels] = [one + more for one, more in zip(known, numbers, strict=True)]
    return total


def _make_counted(each: Counts, total: dict[Labels, Numbers]) -> Metric:
    if not each.bounds:
        counter = CounterMetricFamily(each.name, each.means, labels=each.labels)
        for labels, (number,) in total.items():
            counter.add_metric(labels, number)
        return counter
    spread = HistogramMetricFamily(each.name, each.means, labels=each.labels)
    bounds = [*map(str, each.bounds), "+Inf"]
    for labels, (*fallen, summed) in total.items():
        buckets = list(zip(bounds, accumulate(fallen), strict=True))
        spread.add_metric(labels, buckets=buckets, sum_value=summed)
    return spread


def _measure(workers: Sequence[Worker]) -> Iterator[Sample]:
    alive = [worker for worker in workers if worker.pid]
    yield Sample("ppims_workers", len(alive))
    yield Sample("ppims_workers_memory_bytes", sum(_read_memory(each.pid) for each in alive))
    for name, gauge in (("queue_length", "queue"), ("connections", "connections")):
        yield Sample(f"ppims_{name}", sum(each.gauges.get(gauge, 0) for each in alive))
    yield Sample("ppims_build_info", 1, (read_version(), sizes.name_database()))
    disk = os.statvfs(settings.PPIMS_DATA_DIR)
    yield Sample("ppims_data_size_bytes", disk.f_blocks * disk.f_frsize)
    yield Sample("ppims_data_free_bytes", disk.f_bavail * disk.f_frsize)


def _read_memory(pid: int) -> int:
    """Read the resident memory of a process; of one that has just ended, none."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
    except OSError:
        return 0


def _make_gauges(samples: Iterable[Sample]) -> Iterator[Metric]:
    families = {
        name: GaugeMetricFamily(name, gauge.means, labels=gauge.labels)
        for name, gauge in gauges.EVERY_GAUGE.items()
    }
    for sample in samples:
        families[sample.name].add_metric(sample.labels, sample.value)
    return iter(families.values())

"""What a proposed change of limits would have done, added up: how many checks, of how many
customers, and how much, were newly declined or let through. Pure. It names nobody but by ids.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from heapq import heappush, heappushpop
from typing import Any

from limits.what_if import Redecided

MOST_LARGEST = 10
LineKey = tuple[str, int, bool]  # a tier, a processor, whether let through


class Effect:
    """The sums so far. `take` is told of one customer after another."""

    def __init__(self) -> None:
        self.checks = self.customers = 0
        self._counts: Counter[LineKey | bool] = Counter()
        self._owners: Counter[LineKey | bool] = Counter()
        self._paise: Counter[LineKey | bool] = Counter()
        self._largest: list[tuple[int, int, int, bool]] = []

    def take(self, redecided: Iterable[Redecided]) -> None:
        """Add up one customer's checks."""
        seen: set[LineKey | bool] = set()
        checks = 0
        for each in redecided:
            checks += 1
            if each.is_other:
                seen |= self._count(each)
        self._owners.update(seen)
        self.checks += checks
        self.customers += bool(checks)

    def _count(self, redecided: Redecided) -> set[LineKey | bool]:
        check, is_allowed = redecided.check, redecided.decided.is_allowed
        keys: set[LineKey | bool] = {is_allowed, (check.tier, check.processor_id, is_allowed)}
        for key in keys:
            self._counts[key] += 1
            self._paise[key] += check.amount_paise
        # Of two amounts alike, the first one.
        row = check.amount_paise, -check.id, check.customer_id, is_allowed
        if len(self._largest) < MOST_LARGEST:
            heappush(self._largest, row)
        else:
            heappushpop(self._largest, row)
        return keys

    def list_plain(self) -> dict[str, Any]:
        """List all of it as JSON has it: totals of what was declined and let through, lines by tier
        and processor, and the largest checks, the largest first.
        """
        lines = sorted(key for key in self._counts if isinstance(key, tuple))
        return {
            "checks": self.checks,
            "customers": self.customers,
            "declined": self._sum_up(False),
            "let_through": self._sum_up(True),
            "lines": [
                {
                    "tier": tier,
                    "processor": processor,
                    "is_let_through": is_allowed,
                    **self._sum_up((tier, processor, is_allowed)),
                }
                for tier, processor, is_allowed in lines
            ],
            "largest": [_describe(*row) for row in sorted(self._largest, reverse=True)],
        }

    def _sum_up(self, key: LineKey | bool) -> Mapping[str, int]:
        return {
            "checks": self._counts[key],
            "customers": self._owners[key],
            "paise": self._paise[key],
        }


def _describe(paise: int, number: int, customer: int, is_let_through: bool) -> dict[str, Any]:
    return {
        "check": -number,
        "customer": customer,
        "is_let_through": is_let_through,
        "paise": paise,
    }

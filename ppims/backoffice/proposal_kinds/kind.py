"""What a kind of proposal is to the pages: what it is called, who decides it, how it is told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from ppims.models import User
from ppims.services.four_eyes import Proposals

Changes = list[tuple[str, str, str]]  # what, before, after


@dataclass(frozen=True)
class Kind:
    """One kind of proposal: what it is called, who proposes and approves it, how it is told.

    `moved` tells on whose rows the ground is another by now, and `is_barred_then` that those can't
    be approved; `warnings` says by row what approving would do that nobody may have meant. A page
    `is_named_for_customer` where of one customer one waits at most. `beside` and `with_many` are
    read with the rows. `which` of the model's rows are of this kind.
    Beneath its changes a kind may show more, by a `template` of its own: of what `read_more` reads,
    unless that is None.
    """

    name: str
    label: object
    proposals: Proposals[Any, Any]
    propose: str
    approve: str
    in_short: Callable[[Any], str]
    changes: Callable[[Any], Changes]
    moved: Callable[[Sequence[Any], datetime], set[int]] = lambda rows, at: set()
    moved_in_words: object = ""
    warnings: Callable[[Sequence[Any], datetime], dict[int, str]] = lambda rows, at: {}
    is_barred_then: bool = True
    is_named_for_customer: bool = False
    reason: Callable[[Any], str] = lambda row: str(row.reason)
    beside: tuple[str, ...] = ("customer",)
    with_many: tuple[str, ...] = ()
    subject: str = ""  # the column of the user whom it is about
    template: str = ""
    read_more: Callable[[Any], object] = lambda row: None
    # Where its maker finds what is to be handed over, now that it counts; "": there is nothing.
    hand_over: Callable[[Any, User], str] = lambda row, user: ""
    which: Q = Q()  # noqa: RUF009 - it is never changed

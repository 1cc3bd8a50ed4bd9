"""How far a long command is: a bar on a terminal, nothing where there is none."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)


@contextmanager
def show_bar(what: str, *, total: int | None, done: int = 0) -> Iterator[Callable[..., None]]:
    """Show a bar on standard error. The block gets a function, to call with each number done and,
    if one likes, a note to show.
    """
    console = Console(file=sys.stderr)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(what, total=total, completed=done, note="")
        yield lambda more, note="": progress.update(task, advance=more, note=note)

"""What the recorder does in our web applications: objectives and their steps, varied by a seed and
nothing else.

A scenario names its elements by CSS in the live page; ``work >> #save`` looks inside the frame with
the id ``work``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from random import Random

from plots_office import (
    booking_family,
    booking_plain,
    booking_trouble,
    ledger_new,
    ledger_note,
    ledger_paid,
    ledger_remind,
    library_ask,
    library_hold,
    library_list,
    library_loans,
)
from plots_shop import (
    shop_menu,
    shop_order,
    shop_search,
    shop_sold_out,
    shop_voucher,
    tracker_assign,
    tracker_comment,
    tracker_give_up,
    tracker_label,
    tracker_new,
)
from steps import Plot, Scenario

TOPICS = {
    "shop": "Shopping",
    "tracker": "Software",
    "booking": "Travel",
    "ledger": "Accounting",
    "library": "Culture",
}

PLOTS: dict[str, tuple[tuple[Callable[[Random], Plot], int, float], ...]] = {
    "shop": (
        (shop_order, 4, 1.0),
        (shop_menu, 4, 1.0),
        (shop_search, 3, 1.0),
        (shop_voucher, 3, 1.0),
        (shop_sold_out, 2, 0.0),
    ),
    "tracker": (
        (tracker_new, 4, 1.0),
        (tracker_comment, 3, 1.0),
        (tracker_assign, 3, 1.0),
        (tracker_label, 2, 1.0),
        (tracker_give_up, 1, 0.0),
    ),
    "booking": ((booking_plain, 5, 1.0), (booking_family, 3, 1.0), (booking_trouble, 2, 1.0)),
    "ledger": (
        (ledger_new, 4, 1.0),
        (ledger_paid, 3, 1.0),
        (ledger_note, 3, 1.0),
        (ledger_remind, 2, 1.0),
    ),
    "library": (
        (library_hold, 2, 1.0),
        (library_loans, 1, 0.0),
        (library_ask, 2, 1.0),
        (library_list, 2, 1.0),
    ),
}
"""For each app: a plot, how many variations of it, and the reward they end with."""


def scenarios() -> Iterator[Scenario]:
    """All scenarios, app by app, the plots of an app in turn; no objective twice."""
    for app, plots in PLOTS.items():
        turns = [
            (plot, reward) for turn in range(9) for plot, times, reward in plots if turn < times
        ]
        objectives: set[str] = set()
        for number, (plot, reward) in enumerate(turns, start=1):
            workflow_id = f"{app}-{number:02}"
            # Never ends if a plot is asked for more variations than it has; each has many more.
            drawn = (plot(Random(f"{workflow_id} {attempt}")) for attempt in count())
            objective, path, steps = next(one for one in drawn if one[0] not in objectives)
            objectives.add(objective)
            yield Scenario(workflow_id, app, objective, path, tuple(steps), reward)

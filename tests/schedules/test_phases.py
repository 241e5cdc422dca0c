"""The phases of a timeline begin and end at the updates at which its LRs do."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

from hypothesis import example, given
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule, Timeline
from lr_toolkit.schedules.changed import Continued, Rewarmed, Stretched, stretched
from lr_toolkit.schedules.timeline import ResolvedTimeline

PHASES = [
    "hold('50%') >> linear()",
    "warmup(3) >> hold() >> cosine(over='20%')",
    "hold('1%') >> step(4)",
    "warmup('1%')",
]
KINDS = ["stretch", "nested stretch", "rewarm", "continue"]


def plan(text: str, steps: int) -> ResolvedTimeline:
    """The timeline of that text on a run of that many updates."""
    return Schedule.parse(text).resolve(Horizon(steps))


@st.composite
def timelines(draw: st.DrawFn, texts: Sequence[str] = PHASES, kinds: Sequence[str] = KINDS) -> Timeline:
    """A plan, or up to four changes, one on top of another."""
    timeline: Timeline = plan(draw(st.sampled_from(texts)), draw(st.integers(6, 40)))
    update = 0
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
        update = draw(st.integers(update, timeline.steps - 1))
        if kind == "stretch":
            timeline = stretched(timeline, update, update + draw(st.integers(1, 90)))
        elif kind == "nested stretch":
            timeline = Stretched(timeline, update, Fraction(update), update + draw(st.integers(1, 90)))
        elif kind == "rewarm":
            timeline = Rewarmed(timeline, update, draw(st.integers(1, min(9, timeline.steps - update))))
        else:
            timeline = Continued(plan("linear()", update + draw(st.integers(1, 30))), update, 0.5)
    return timeline


def place(timeline: Timeline, k: Fraction) -> str:
    """The name of the phase of update ``k``, found by walking down to the plan; empty after the last phase."""
    if isinstance(timeline, Stretched):
        return place(timeline.of, timeline.position_of(k))
    if isinstance(timeline, Continued):
        return place(timeline.of, k) if k >= timeline.since else ""
    if isinstance(timeline, Rewarmed):
        again = f"warmup {id(timeline)}"  # a second warmup is another phase than an equal one before
        return again if 0 <= k - timeline.since < timeline.over else place(timeline.of, k)
    assert isinstance(timeline, ResolvedTimeline)
    return next((phase.shape.name for phase in timeline.resolved_phases if phase.start <= k < phase.end), "")


@given(timelines())
def test_the_phases_are_those_that_the_updates_lie_in(timeline: Timeline) -> None:
    """A walk along the updates passes exactly the phases, each from its first update to its last, and none without any."""
    walked = [(name, [*ks]) for name, ks in groupby(range(500), lambda k: place(timeline, Fraction(k)))]

    assert [(phase.name, phase.start, phase.end - 1) for phase in timeline.phases] == [
        (name.split()[0], ks[0], ks[-1]) for name, ks in walked if name
    ]


@given(timelines(["hold('50%') >> warmup('50%', start=0.5)"], ["stretch", "nested stretch"]))
@example(
    Stretched(Stretched(plan("hold('50%') >> warmup('50%', start=0.5)", 9), 2, Fraction(2), 12), 6, Fraction(6), 66)
)
def test_a_phase_begins_with_its_first_lr(timeline: Timeline) -> None:
    """However often a timeline was stretched, its second phase, which drops to a half, begins where the LR drops."""
    start = next((phase.start for phase in timeline.phases if phase.name == "warmup"), None)

    assert start == next((k for k in range(500) if timeline(k) < 1.0), None)

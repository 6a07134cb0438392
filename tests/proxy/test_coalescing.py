"""Who travels with whom, and when they leave."""

from __future__ import annotations

from openrouter_embeddings.proxy._coalescing import Coalescer


def coalescer():
    return Coalescer(0.005, 10)


def test_the_first_opens_a_window_and_the_others_join_it():
    """Until it closes; whoever comes then opens the next one."""
    groups = coalescer()

    assert groups.add("m", "first", 1, 1.0) is True
    assert groups.add("m", "second", 1, 1.004) is False
    assert groups.take_due(1.004) == []
    assert groups.seconds_left("m", 1.002) > 0
    assert groups.take_due(1.005) == [["first", "second"]]
    assert groups.add("m", "third", 1, 1.005) is True
    assert groups.waiting == 1


def test_groups_do_not_mix():
    """Each has its own window."""
    groups = coalescer()
    groups.add("one", 1, 1, 0.0)
    groups.add("two", 2, 1, 0.001)

    assert groups.take_due(0.005) == [[1]]
    assert groups.take_due(0.006) == [[2]]


def test_a_full_group_leaves_at_once():
    """Nobody waits for what cannot travel along anyway."""
    groups = coalescer()
    groups.add("m", "small", 1, 0.0)

    assert groups.add("m", "large", 9, 0.001) is False
    assert groups.seconds_left("m", 0.001) == 0
    assert groups.take_due(0.001) == [["small", "large"]]
    assert groups.seconds_left("m", 0.001) == 0


def test_without_a_window_each_leaves_alone():
    """The switch that turns it off."""
    groups = Coalescer(0.0, 10)
    groups.add("m", "one", 1, 1.0)

    assert groups.take_due(1.0) == [["one"]]

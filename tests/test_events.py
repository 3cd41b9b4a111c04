"""Subscribers: each is told of each event once, in order; one that raises is told nothing more."""

from __future__ import annotations

import logging
import sys
import threading

import attrs
import pytest

from modreg._events import Subscribers, TransactionAborted, TransactionCommitted, VersionCommitted
from modreg._model import Cause, Transaction
from modreg.errors import NotTrackedError

ABORTED = TransactionAborted(error=NotTrackedError("tax"))
COMMITTED = TransactionCommitted(transaction=Transaction(revision=1, cause=Cause.RELOAD))


def test_everyone_is_told_in_order():
    """
    Each event goes to everyone, in the order of their subscriptions, before the next one.
    """
    subscribers, told = Subscribers(), []
    subscribers.add(lambda event: told.append((1, event)))
    subscribers.add(lambda event: told.append((2, event)))

    subscribers.publish(ABORTED, COMMITTED)

    assert told == [(1, ABORTED), (2, ABORTED), (1, COMMITTED), (2, COMMITTED)]


def test_subscription_ends():
    """
    After its end a subscriber is told nothing more, and ending it again does nothing.
    """
    subscribers, told = Subscribers(), []
    end = subscribers.add(told.append)
    subscribers.publish(ABORTED)

    end()
    end()
    subscribers.publish(COMMITTED)

    assert told == [ABORTED]
    assert not subscribers


def test_function_that_subscribes_twice_is_told_twice():
    """
    Two subscriptions of one function are two, and end one by one.
    """
    subscribers, told = Subscribers(), []
    end = subscribers.add(told.append)
    subscribers.add(told.append)
    subscribers.publish(ABORTED)

    end()
    end()
    subscribers.publish(COMMITTED)

    assert told == [ABORTED, ABORTED, COMMITTED]


def test_subscriber_that_raises_is_logged_and_dropped(caplog):
    """
    A subscriber that raises is logged with its traceback and told nothing more; the others hear all.
    """
    subscribers, told, asked = Subscribers(), [], []

    def fail(event):
        asked.append(event)
        raise OSError("disk")

    subscribers.add(told.append)
    subscribers.add(fail)
    subscribers.add(told.append)

    with caplog.at_level(logging.ERROR, "modreg"):
        subscribers.publish(ABORTED, COMMITTED)

    assert asked == [ABORTED]
    assert told == [ABORTED, ABORTED, COMMITTED, COMMITTED]
    assert [record.name for record in caplog.records] == ["modreg"]
    assert "disk" in caplog.text
    assert "fail" in caplog.text


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_signal_in_a_subscriber_goes_on(kind):
    """
    What is no `Exception` is nobody's mistake: it propagates, and the subscriber stays.
    """
    subscribers, told = Subscribers(), []

    def interrupted(event):
        told.append(event)
        raise kind

    subscribers.add(interrupted)

    with pytest.raises(kind):
        subscribers.publish(ABORTED)
    with pytest.raises(kind):
        subscribers.publish(COMMITTED)

    assert told == [ABORTED, COMMITTED]


def test_subscriber_that_unsubscribes_itself():
    """
    A subscription that ends while an event is told takes nothing from the others.
    """
    subscribers, told = Subscribers(), []

    def once(event):
        told.append("once")
        end()

    end = subscribers.add(once)
    subscribers.add(lambda event: told.append("always"))

    subscribers.publish(ABORTED)
    subscribers.publish(COMMITTED)

    assert told == ["once", "always", "always"]


def test_subscriber_that_subscribes_another():
    """
    Who subscribes while an event is told hears of the next one.
    """
    subscribers, told = Subscribers(), []

    def first(event):
        told.append(("first", event))
        subscribers.add(lambda event: told.append(("second", event)))

    end = subscribers.add(first)
    subscribers.publish(ABORTED)
    end()
    subscribers.publish(COMMITTED)

    assert told == [("first", ABORTED), ("second", COMMITTED)]


def test_without_subscribers_it_is_false():
    """
    Whether anybody listens can be asked, so that nothing need be made for nobody.
    """
    subscribers = Subscribers()
    before = bool(subscribers)

    end = subscribers.add(print)

    assert (before, bool(subscribers)) == (False, True)
    end()
    assert not subscribers


@pytest.fixture
def switching():
    """Threads take turns as often as the interpreter allows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def in_threads(*functions):
    """Run functions at once, each in a thread of its own, and wait for all."""
    barrier = threading.Barrier(len(functions))

    def begin(function):
        barrier.wait()
        function()

    threads = [threading.Thread(target=begin, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_subscriptions_of_many_threads(switching):
    """
    Threads that subscribe at once are all told.
    """
    subscribers, told = Subscribers(), []

    def subscribe():
        for _ in range(300):
            subscribers.add(told.append)

    in_threads(*[subscribe] * 6)
    subscribers.publish(ABORTED)

    assert len(told) == 1800


def test_ends_of_subscriptions_in_many_threads(switching):
    """
    Threads that come and go while others publish leave nothing behind, and take nothing from those who stay.
    """
    subscribers, told = Subscribers(), []
    for _ in range(50):
        subscribers.add(told.append)

    def come_and_go():
        for _ in range(300):
            subscribers.add(lambda event: None)()

    in_threads(*[come_and_go] * 4, lambda: [subscribers.publish(ABORTED) for _ in range(300)])

    assert len(told) == 300 * 50
    assert len(subscribers._callbacks) == 50


@pytest.mark.parametrize("kind", [VersionCommitted, TransactionCommitted, TransactionAborted])
def test_events_are_values(kind):
    """
    An event cannot be changed, so one subscriber cannot mislead the next.
    """
    event = kind(**{attrs.fields(kind)[0].name: None})

    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(event, attrs.fields(kind)[0].name, 1)

    assert event == kind(**{attrs.fields(kind)[0].name: None})

"""Turns at the browser: never more at once than there are places, and none is lost."""

from __future__ import annotations

import asyncio
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.turns import Turns


@settings(max_examples=60, deadline=None)
@given(
    places=st.integers(1, 4),
    work=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3), st.booleans()), max_size=25),
)
def test_no_more_at_once_than_places_and_all_get_theirs(
    places: int, work: list[tuple[str, int, bool]]
) -> None:
    async def run() -> tuple[int, int, int]:
        turns, held, most, served = Turns(places), 0, 0, 0

        async def one(owner: str, steps: int) -> None:
            nonlocal held, most, served
            async with turns.turn(owner):
                held += 1
                most = max(most, held)
                try:
                    for _ in range(steps):
                        await asyncio.sleep(0)
                finally:
                    held -= 1
                served += 1

        tasks = [asyncio.create_task(one(owner, steps)) for owner, steps, _ in work]
        await asyncio.sleep(0)
        for task, (_, _, cancelled) in zip(tasks, work, strict=True):
            if cancelled:
                task.cancel()
                await asyncio.sleep(0)
        await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        ended = sum(not task.cancelled() for task in tasks)
        # Every place came back.
        for _ in range(2):
            async with asyncio.timeout(5):
                await asyncio.gather(*(one("z", 1) for _ in range(places)))
        return most, served - 2 * places, ended

    most, served, ended = asyncio.run(run())
    assert most <= places
    assert served == ended


def test_a_place_goes_on_in_the_same_visit_up_to_its_share() -> None:
    async def run() -> list[str]:
        turns, order = Turns(2), []

        async def one(owner: str) -> None:
            async with turns.turn(owner):
                order.append(owner)
                await asyncio.sleep(0)

        await asyncio.gather(*(one(owner) for owner in "aaaabbbb"))
        return order

    order = asyncio.run(run())
    # "a" was first and holds both places; then each visit has one, and goes on in it.
    assert order[:2] == ["a", "a"]
    assert Counter(order[2:6]) == Counter("aabb")


def test_one_visit_alone_has_all_places() -> None:
    async def run() -> int:
        turns = Turns(3)
        held = most = 0

        async def one() -> None:
            nonlocal held, most
            async with turns.turn("only"):
                held += 1
                most = max(most, held)
                await asyncio.sleep(0)
                held -= 1

        await asyncio.gather(*(one() for _ in range(9)))
        return most

    assert asyncio.run(run()) == 3

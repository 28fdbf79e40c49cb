"""Places for visits: never more at work than there are, those that come back first, none is lost."""

from __future__ import annotations

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from crawler.places import VisitPlaces


@settings(max_examples=60, deadline=None)
@given(
    at_work=st.integers(1, 3),
    begun=st.integers(1, 4),
    rounds=st.lists(st.integers(1, 3), max_size=12),
    cancelled=st.sets(st.integers(0, 11)),
)
def test_no_more_than_places_and_all_get_theirs(
    at_work: int, begun: int, rounds: list[int], cancelled: set[int]
) -> None:
    async def run() -> None:
        places, working, open_now, ended = VisitPlaces(at_work, begun), 0, 0, 0

        async def visit(number: int) -> None:
            nonlocal working, open_now, ended
            async with places.begun():
                open_now += 1
                assert open_now <= begun
                try:
                    for turn in range(number):
                        async with places.at_work(again=turn > 0):
                            working += 1
                            assert working <= at_work
                            try:
                                await asyncio.sleep(0)
                            finally:
                                working -= 1
                finally:
                    open_now -= 1
            ended += 1

        tasks = [asyncio.create_task(visit(number)) for number in rounds]
        for _ in range(3):
            await asyncio.sleep(0)
        stopped = [task for place, task in enumerate(tasks) if place in cancelled]
        for task in stopped:
            task.cancel()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5)
        faults = [r for r in results if isinstance(r, Exception)]
        assert not faults
        before = ended
        # Every place came back.
        await asyncio.wait_for(asyncio.gather(*(visit(2) for _ in range(begun + at_work))), 5)
        assert ended == before + begun + at_work

    asyncio.run(run())


def test_a_visit_that_comes_back_goes_before_those_that_have_not_begun() -> None:
    async def run() -> list[str]:
        places, order = VisitPlaces(1), list[str]()

        async def visit(name: str) -> None:
            async with places.begun():
                for again in (False, True):
                    async with places.at_work(again=again):
                        order.append(f"{name}{2 if again else 1}")
                        await asyncio.sleep(0.001)

        await asyncio.wait_for(asyncio.gather(*(visit(name) for name in "abc")), 5)
        return order

    order = asyncio.run(run())
    # Each is over before many others have begun, whatever stood in line first.
    assert order.index("a2") < order.index("c1")


def test_only_so_many_are_begun_and_not_finished() -> None:
    async def run() -> int:
        places, begun, most = VisitPlaces(4, begun=2), 0, 0

        async def visit() -> None:
            nonlocal begun, most
            async with places.begun():
                begun += 1
                most = max(most, begun)
                async with places.at_work():
                    await asyncio.sleep(0)
                await asyncio.sleep(0.001)
                begun -= 1

        await asyncio.gather(*(visit() for _ in range(9)))
        return most

    assert asyncio.run(run()) == 2

"""A provider writes so many replies at a time; people take turns, and are told their place."""

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.reply.slots import Slots


class Guest:
    """Somebody who wants a slot, and holds it until they are told to leave."""

    def __init__(self, slots: Slots, person: str) -> None:
        self.person = person
        self.slots = slots
        self._places: list[int] = []
        self.inside, self.leave = asyncio.Event(), asyncio.Event()
        self.task = asyncio.create_task(self._stay(slots))

    async def _stay(self, slots: Slots) -> None:
        async with slots.slot(self.person, self._places.append):
            self.inside.set()
            await self.leave.wait()

    @property
    def places(self) -> list[int]:
        """All that was told, with what is to be told now."""
        if self.slots._telling:
            self.slots._telling.cancel()
            self.slots._tell_now()
        return self._places

    async def go(self) -> None:
        self.leave.set()
        await self.task

    async def give_up(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task


async def come(slots: Slots, *people: str) -> list[Guest]:
    guests = []
    for person in people:
        guests.append(Guest(slots, person))
        await asyncio.sleep(0)
    return guests


async def test_people_take_turns_however_much_each_wants() -> None:
    slots = Slots(1)
    guests = await come(slots, "alice", "alice", "alice", "alice", "bob", "charlie")
    order = []
    while waiting := [guest for guest in guests if not guest.leave.is_set()]:
        inside = next(guest for guest in waiting if guest.inside.is_set())
        order.append(inside.person)
        await inside.go()
        await asyncio.sleep(0)
    assert order == ["alice", "alice", "bob", "charlie", "alice", "alice"]


async def test_place_is_told_whenever_it_changes() -> None:
    slots = Slots(1)
    first, second, third = await come(slots, "alice", "bob", "charlie")
    assert (first.places, second.places, third.places) == ([], [1], [2])
    await second.give_up()
    assert third.places == [2, 1]
    await first.go()
    await third.inside.wait()
    await third.go()


async def test_far_behind_places_are_rough() -> None:
    slots = Slots(1)
    guests = await come(slots, *(f"guest {number}" for number in range(35)))
    assert [guest.places[-1] for guest in guests[1:]] == [*range(1, 21), *[30] * 10, *[40] * 4]
    for guest in guests:
        await guest.give_up()


async def test_who_is_cancelled_in_the_moment_of_its_turn_gives_it_on() -> None:
    slots = Slots(1)
    first, second, third = await come(slots, "alice", "bob", "charlie")
    first.leave.set()
    await first.task
    second.task.cancel()
    await third.inside.wait()
    await third.go()
    with pytest.raises(asyncio.CancelledError):
        await second.task


@given(
    st.integers(1, 3),
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["come", "go", "give up"]))),
)
def test_never_too_many_and_never_fewer_than_could_be(
    size: int, steps: list[tuple[str, str]]
) -> None:
    async def main() -> None:
        slots, guests = Slots(size), list[Guest]()
        for person, what in steps:
            mine = [guest for guest in guests if guest.person == person]
            if what == "come":
                guests += await come(slots, person)
            elif what == "go" and any(guest.inside.is_set() for guest in mine):
                guests.remove(guest := next(each for each in mine if each.inside.is_set()))
                await guest.go()
            elif what == "give up" and mine:
                guests.remove(mine[-1])
                await mine[-1].give_up()
            for _ in range(3):
                await asyncio.sleep(0)
            inside = [guest for guest in guests if guest.inside.is_set()]
            assert len(inside) == min(size, len(guests))
            places = sorted(guest.places[-1] for guest in guests if not guest.inside.is_set())
            places = [place for place in places if place <= 20]
            assert places == list(range(1, len(places) + 1))
        for guest in guests:
            await guest.give_up()

    asyncio.run(main())

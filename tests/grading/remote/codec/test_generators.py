"""Random generators draw on both sides, and take no state that none of them has."""

import numpy as np
import pytest

from tests.grading.remote.codec.messages import SharedObjects, cross, message, record
from utils.grading.remote.codec import CodecError, encoder, unpack
from utils.grading.remote.codec.generators import HIGHEST, generator_state

BITS = ["PCG64", "PCG64DXSM", "SFC64", "Philox", "MT19937"]


def generator_message(bits, changes):
    """Return shared objects with a generator in them, and a message that changes its state.

    Args:
        bits: the kind of generator.
        changes: new values of the numbers of its state, by their place.
    """
    side, peer = SharedObjects(True), SharedObjects(False)
    rng = np.random.Generator(getattr(np.random, bits)(1))
    cross(rng, side, peer)
    numbers = generator_state(rng)[1:]
    for place, number in changes.items():
        numbers[place:place] = [None]
        numbers[place : place + 2] = number if type(number) is list else [number]
    content = encoder.Encoder(SharedObjects(False)).values([bits, *numbers], 1)
    return side, rng, message(b"N", record(2, "g", content))


@pytest.mark.parametrize(
    ("bits", "changes"),
    [
        *((bits, {place: number}) for bits in BITS for place in (0, -1) for number in (
            -1, 2**128, 1.5, None, True, [], [0, 0])),
        ("PCG64", {2: 2}), ("PCG64", {3: 2**32}), ("SFC64", {0: 2**64}), ("SFC64", {4: 2}),
        ("MT19937", {0: 2**32}), ("MT19937", {624: 625}),
        ("Philox", {10: 5}), ("Philox", {9: 2**64}),
    ],
    ids=str,
)  # fmt: skip
def test_impossible_states_of_random_generators_are_refused(bits, changes):
    if -1 in changes:
        last = len(HIGHEST[bits]) - 1
        changes = {last: changes[-1]}
    side, rng, data = generator_message(bits, changes)
    before = generator_state(rng)[1:]
    with pytest.raises(CodecError):
        unpack(data, side)
    assert generator_state(rng)[1:] == before


@pytest.mark.parametrize("bits", BITS)
def test_the_largest_numbers_of_a_state_are_possible(bits):
    highest = HIGHEST[bits]
    side, rng, data = generator_message(bits, dict(enumerate(highest)))
    unpack(data, side)
    assert generator_state(rng)[1:] == highest
    rng.standard_normal(1000), rng.integers(9, size=1000, dtype=np.int32), rng.permutation(99)


@pytest.mark.parametrize("bits", BITS)
def test_a_generator_that_was_handed_over_draws_on_both_sides(bits):
    side, peer, make = SharedObjects(True), SharedObjects(False), getattr(np.random, bits)
    rng, same_seed = (np.random.Generator(make(1)) for _ in range(2))
    there = cross(rng, side, peer)
    assert there.integers(9, dtype=np.int32) == same_seed.integers(9, dtype=np.int32)
    cross(None, peer, side)
    assert rng.integers(9, dtype=np.int32) == same_seed.integers(9, dtype=np.int32)
    assert rng.random() == same_seed.random()


@pytest.mark.parametrize("bits", BITS)
def test_generators_of_one_seed_spawn_the_same_children(bits):
    make, drawn = getattr(np.random, bits), []
    for seed in (1, 1, 2):
        side, peer = SharedObjects(True), SharedObjects(False)
        there = cross(np.random.Generator(make(seed)), side, peer)
        drawn += [child.integers(2**62) for child in (*there.spawn(1), *there.spawn(1))]
    assert drawn[:2] == drawn[2:4]
    assert len({*drawn}) == 4

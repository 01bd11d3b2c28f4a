"""What both sides know by a number: numbers follow one another, and copies are limited."""

import numpy as np
import pytest

from tests.grading.remote.codec.messages import SharedObjects, cross, message, record, two_sides
from utils.grading.remote.codec import CannotCross, CodecError, pack, shared_objects, unpack
from utils.grading.remote.codec import format as fmt


def test_what_is_shared_is_limited(monkeypatch):
    monkeypatch.setattr(fmt, "MAX_SHARED_BYTES", 10_000)
    side, peer = SharedObjects(True), SharedObjects(False)
    kept = [np.ones(500), [0]]
    there = cross(kept, side, peer)
    with pytest.raises(CannotCross, match="shared"):
        pack(np.ones(1000), side)
    there[1] += range(1000)  # what is shared already grows
    monkeypatch.setattr(fmt, "MAX_SHARED_BYTES", 1 << 30)
    data = b"".join(pack(None, peer))
    monkeypatch.setattr(fmt, "MAX_SHARED_BYTES", 10_000)
    with pytest.raises(CodecError, match="shared"):
        unpack(data, side)
    there[1][:] = []
    side, peer = SharedObjects(True), SharedObjects(False)
    for _ in range(20):  # what is dropped counts no more
        cross(np.ones(1000), side, peer)
        for number in list(side.objects):
            side.drop(number), peer.drop(number)
    assert side.cost == peer.cost == 0


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_tidy_side_forgets_arrays_of_any_size(size):
    judge, student = SharedObjects(True), SharedObjects(False)
    unpack(b"".join(pack(np.ones(size), judge)), student)
    assert len(judge.objects) == len(student.objects) == 1
    unpack(b"".join(pack(None, judge, tidy=True)), student)
    assert len(judge.objects) == len(student.objects) == 0


def test_numbers_are_given_one_after_another():
    """Numbers that a sender could choose freely would collide in dicts."""
    side, peer = SharedObjects(True), SharedObjects(False)
    far = fmt.NUMBERS_AHEAD + 3
    with pytest.raises(CodecError, match="number"):
        unpack(message(b"N", record(far, "l", bytes(4))), side)
    with pytest.raises(CodecError, match="number"):
        unpack(message(b"N", *(record(n, "l", bytes(4)) for n in (far - 2, 2 * far - 5))), side)
    assert not side.objects
    for _ in range(3):  # what does not cross uses no numbers up
        with pytest.raises(CannotCross):
            pack([[[]] * 9, {1}, object(), 10**9999], peer)
    cross([[], print], peer, side)
    assert list(side.objects) == [3, 5]
    assert peer.next == 9
    with pytest.raises(CodecError, match="number"):  # 7 is that of an object
        unpack(message(b"N", record(7, "l", bytes(4))), side)
    unpack(message(b"N", record(7 + fmt.NUMBERS_AHEAD, "l", bytes(4))), side)


def test_a_submission_drops_no_copy_of_the_judges():
    """What is dropped would count no more in what holds it, and could be built upon."""
    side, peer, _ = two_sides(0)
    for number, thing in list(side.objects.items()):
        if thing.kind == fmt.OBJECT:
            unpack(message(forget=[number]), side)
            assert number not in side.objects
        else:
            with pytest.raises(CodecError, match="drops"):
                unpack(message(forget=[number]), side)
            assert number in side.objects
    unpack(message(forget=[77, 0, 2**64 - 1]), side)  # nothing has these numbers
    number = peer.number(peer.objects[4].value)
    unpack(message(forget=[number]), peer)
    assert number not in peer.objects


def test_a_proxy_lives_as_long_as_somebody_holds_it():
    side = SharedObjects(True)
    first = side.proxy(3, ("int", ()))
    assert side.proxy(3, None) is first
    assert side.unused() == []
    del first
    assert side.unused() == [3]
    assert side.unused() == []
    with pytest.raises(CodecError, match="unknown object"):  # its description has gone, too
        side.proxy(3, None)


@pytest.mark.parametrize(("size", "kept"), [(0, 0), (65_535, 65_535), (65_536, 16)])
def test_what_tells_contents_apart_is_small(size, kept):
    assert len(shared_objects.digest_of(bytes(size))) == kept
    assert shared_objects.cost_of(bytes(size), 2) == size + 192


@pytest.mark.parametrize(
    "use",
    [
        lambda side: side.proxy(3, ("int",)),
        lambda side: side.describe(object()),
        lambda side: side.by_name("os:system"),
    ],
)
def test_a_side_of_its_own_takes_no_objects_and_no_names(use):
    with pytest.raises((CodecError, CannotCross)):
        use(shared_objects.SharedObjects(is_judge=True))

"""How the judge names what it cannot do."""

from utils.grading.remote.judge_limits import short


def test_a_value_is_named_in_no_time_whatever_it_holds():
    ring = []
    ring += [ring, {"ring": ring}]
    twice = [0]
    for _ in range(200):
        twice = [twice, twice]
    for value in (
        ring,
        twice,
        (twice,),
        {1: twice},
        10**4000,
        [10**5000],
        "x" * 10**7,
        [[[[[1]]]]],
    ):
        assert len(short(value)) < 90

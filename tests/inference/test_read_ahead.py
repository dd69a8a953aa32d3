"""Reading ahead keeps the order, passes errors on, and stops when nobody listens any more."""

import threading
import time

import pytest

from quake.inference.read_ahead import ReadAhead


def squares(numbers, n_parallel=2, work=lambda n: n * n):
    with ReadAhead(iter(numbers), work, n_parallel) as pairs:
        return list(pairs)


@pytest.mark.parametrize("n_parallel", [1, 2, 5])
def test_pairs_come_in_the_order_of_the_batches(n_parallel):
    def slow_for_some(n):
        time.sleep(0.01 * (n % 3))
        return n * n

    found = squares(range(30), n_parallel, slow_for_some)
    assert found == [(n, n * n) for n in range(30)]


def test_nothing_gives_nothing():
    assert squares([]) == []


def test_batches_are_worked_on_at_the_same_time():
    together = threading.Barrier(2, timeout=10)

    def meet(n):
        together.wait()
        return n

    assert len(squares(range(4), 2, meet)) == 4


def test_it_reads_ahead_but_not_without_end():
    begun = []

    def numbers():
        for n in range(1000):
            begun.append(n)
            yield n

    with ReadAhead(numbers(), lambda n: n, 2) as pairs:
        assert next(iter(pairs)) == (0, 0)
        time.sleep(0.3)
        assert 3 <= len(begun) <= 12


def test_an_error_of_reading_comes_after_what_was_read_before():
    def numbers():
        yield 1
        raise OSError("the disk is gone")

    seen = []
    with pytest.raises(OSError, match="gone"), ReadAhead(numbers(), lambda n: n, 2) as pairs:
        seen.extend(pairs)
    assert not seen or seen == [(1, 1)]


def test_an_error_of_the_work_is_raised_at_its_place():
    def divide(n):
        return 10 // n

    seen = []

    def use():
        with ReadAhead(iter([5, 2, 0, 1]), divide, 2) as pairs:
            for pair in pairs:
                seen.append(pair)

    with pytest.raises(ZeroDivisionError):
        use()
    assert seen == [(5, 2), (2, 5)]


def test_leaving_early_ends_all_threads():
    before = threading.active_count()
    with ReadAhead(iter(range(10**9)), lambda n: n, 3) as pairs:
        for n, _ in pairs:
            if n == 5:
                break
    assert threading.active_count() == before


def test_an_interruption_ends_all_threads():
    before = threading.active_count()

    def interrupted():
        with ReadAhead(iter(range(10**9)), lambda n: n, 2) as pairs:
            for _ in pairs:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert threading.active_count() == before

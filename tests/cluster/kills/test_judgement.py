"""What the judgement of kills sees in figures, and what it leaves to chance. No cluster is needed."""

import unittest
from random import Random

import judgement

FIGURES = [("variant", level, name) for level in (1, 4, 12) for name in ("ttftMilliseconds", "tpotMilliseconds")]


def drawn(lot, count, moved=0.0):
    """Courses whose figures scatter by one in a hundred, moved by so many hundredths."""
    return [{figure: 100 + lot.gauss(moved, 1) for figure in FIGURES} for _ in range(count)]


class Chance(unittest.TestCase):
    def test_alike_they_are_called_different_as_rarely_as_is_said(self):
        lot = Random(7)
        rare = sum(judgement.chance(drawn(lot, 4), drawn(lot, 6)) < 0.1 for _ in range(200))
        self.assertTrue(8 <= rare <= 34, f"{rare} of 200, of which 20 are to be expected")

    def test_a_difference_is_seen_however_many_figures_lie_within_the_range(self):
        lot = Random(8)
        seen = sum(judgement.chance(drawn(lot, 6), drawn(lot, 8, moved=1.5)) < judgement.RARE for _ in range(20))
        self.assertGreaterEqual(seen, 18)

    def test_so_is_a_wider_scatter(self):
        lot = Random(9)

        def wide():
            return [{figure: 100 + 5 * (value - 100) for figure, value in course.items()} for course in drawn(lot, 8)]

        seen = sum(judgement.chance(drawn(lot, 8), wide()) < judgement.RARE for _ in range(20))
        self.assertGreaterEqual(seen, 18)

    def test_too_few_tell_nothing(self):
        lot = Random(10)
        self.assertIsNone(judgement.chance(drawn(lot, 3), drawn(lot, 4, moved=50)))
        self.assertIsNone(judgement.chance(drawn(lot, 0), drawn(lot, 4)))

    def test_figures_that_never_vary_are_no_difference(self):
        same = [{figure: 100.0 for figure in FIGURES}] * 5
        self.assertEqual(judgement.chance(same, same), 1.0)


if __name__ == "__main__":
    unittest.main()

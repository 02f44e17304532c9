# SPDX-License-Identifier: MIT
"""Whether ours is farther from exact arithmetic than llama.cpp, over models made from several seeds.

Both programs round activations, each in its own way, so that one model says little: its ratio of the two
distances is a matter of luck, and with experts one token that is sent elsewhere decides it. Over seeds
chance evens out. If neither program were the nearer one, the logarithm of each seed's ratio would be as
likely to have the other sign; p is the share of all choices of signs whose sum is at least what was found
(Fisher's test of paired samples by permutation). It wants no shape of the distances' distribution.
"""
import itertools
import math

SEEDS = 12  # and so 4096 choices
P_MIN = 0.005  # of the files where both are equally near, one in two hundred is blamed


class Farther:
    """Of pairs (theirs, ours) of distances: their geometric means, how they relate, and p."""

    def __init__(self, pairs):
        logs = [math.log(ours / theirs) for theirs, ours in pairs]
        found = sum(logs) - 1e-9
        sums = [sum(log * sign for log, sign in zip(logs, signs))
                for signs in itertools.product((1, -1), repeat=len(logs))]
        self.n = len(logs)
        self.p = sum(one >= found for one in sums) / len(sums)
        self.ratio = math.exp(sum(logs) / len(logs))
        self.least, self.most = math.exp(min(logs)), math.exp(max(logs))
        self.theirs = math.exp(sum(math.log(theirs) for theirs, _ in pairs) / len(pairs))
        self.ours = self.theirs * self.ratio
        self.bad = self.p < P_MIN

    def __str__(self):
        return (f"from exact, {self.n} seeds: theirs {self.theirs:.2e}, ours {self.ours:.2e}, ratio "
                f"{self.ratio:.2f} ({self.least:.2f} to {self.most:.2f}), p {self.p:.4f}"
                f"{' BAD' if self.bad else ''}")

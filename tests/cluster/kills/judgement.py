"""What must be the same with kills as without, and whether it is."""

import json
import random
from collections import Counter
from datetime import datetime, timedelta, timezone
from itertools import combinations
from math import comb
from statistics import fmean, pstdev
from typing import NamedTuple

# The codes by which a level tells that one of its trials was disturbed.
DISTURBED = {"LoadPodReplaced", "LoadPodLost", "LoadToolFailed"}
# How rarely comparisons of which none was struck would differ as much as those with kills do. Rarer than that is a fault.
RARE = 0.01
# Divisions of the comparisons that are looked at, if there are more.
DIVISIONS = 20_000
# Which figures are named: those outside what was seen without kills by this share of its range, at either side. Some are by chance.
MARGIN = 1.0
# Parts of the cluster that share the node's cores with what is measured, and take them while they start again, for so long
# after they answer. Where others have machines of their own, their end cannot be seen in a figure.
OF_THE_NODE = {"api_server", "kubelet", "standin"}
SETTLING = timedelta(seconds=10)


class Kill(NamedTuple):
    """What was killed, and from when until when it was away."""

    victim: str
    begun: datetime
    over: datetime

    def disturbs(self, trial):
        begun, over = trial
        return self.victim in OF_THE_NODE and self.begun < over and begun < self.over + SETTLING

    def kept(self):
        return {"victim": self.victim, "from": self.begun.isoformat(), "until": self.over.isoformat()}


def now():
    return datetime.now(timezone.utc)


def trial_of(mark):
    """The trial that a mark says was begun: started-r1-c000001-l1-t1-2 is the second start of r1-c000001-l1-t1."""
    return mark.removeprefix("started-").rsplit("-", 1)[0]


def under_way(records):
    """Variant and key of the trial that has begun and has no record; None between trials."""
    begun = {(name, trial_of(key)) for name, key in records if key.startswith("started-")}
    return next(iter(sorted(begun - set(records))), None)


def is_first_try(trial):
    return trial[1].endswith("-t1")


def level_of(trial):
    return trial[0], int(trial[1].split("-")[1].removeprefix("c"))


class Course:
    """What one comparison came to."""

    def __init__(self, course):
        self.namespace, self.kills, self.left = course.namespace, course.kills, course.left
        self.status, self.records = course.end, course.seen
        self.faults = [f"{course.namespace}: {why}" for why in course.not_killed]
        if not self.status:
            self.faults.append(f"{course.namespace} has no end")
            return
        self.levels = {(v["name"], level["concurrency"]): level for v in self.status["variants"] for level in v.get("levels", [])}
        self.faults += [f"{course.namespace}: {key} was changed after it was published" for key in course.changed]
        self.faults += [f"{course.namespace}: {child} is left" for child in self.left]
        self.faults += [f"{course.namespace}: the disturbed level {level} does not say so" for level in self.unnamed()]
        self.faults += [f"{course.namespace}: {trial} was measured twice" for trial in self.twice()]

    def end(self):
        measured = self.status.get("verdict", {}).get("measured", {})
        return self.status["phase"], measured.get("outcome"), tuple(sorted(self.levels))

    def codes(self):
        return {(level, reason["code"]) for level, found in self.levels.items() for reason in found["evidence"].get("reasons", [])}

    def figures(self):
        return {(*level, name): float(value) for level, found in self.levels.items()
                for name, value in found.get("measured", {}).items() if name.endswith(("Milliseconds", "Gpu"))}

    def starts(self):
        return Counter((name, trial_of(key)) for name, key in self.records if key.startswith("started-"))

    def trials(self):
        return {key: json.loads(text) for key, text in self.records.items() if key[1].startswith("r1-")}

    def times(self):
        """From when until when each trial ran."""
        return {key: (datetime.fromisoformat(record["startTime"]), datetime.fromisoformat(record["completionTime"]))
                for key, record in self.trials().items()}

    def away_during(self, level):
        """Which parts of the node were started again during the level's trials."""
        times = [time for trial, time in self.times().items() if level_of(trial) == level]
        return sorted({kill.victim for kill in self.kills for time in times if kill.disturbs(time)})

    def kept(self):
        trials = {" ".join(trial): [time.isoformat() for time in times] for trial, times in self.times().items()}
        return {"namespace": self.namespace, "kills": [kill.kept() for kill in self.kills], "trials": trials, "status": self.status}

    def disturbed(self):
        """Trials that were begun again, or came to nothing."""
        again = {trial for trial, starts in self.starts().items() if starts > 1}
        return again | {trial for trial, record in self.trials().items() if not record.get("measurement")}

    def unnamed(self):
        named = {level for level, code in self.codes() if code in DISTURBED}
        return sorted({level_of(trial) for trial in self.disturbed()} - named)

    def twice(self):
        """Trials that were begun once more when their record was there."""
        begun = [((name, trial_of(key)), json.loads(text)["time"]) for (name, key), text in self.records.items() if key.startswith("started-")]
        return sorted({trial for trial, time in begun if time > self.trials().get(trial, {}).get("completionTime", "9")})

    def summary(self):
        if not self.status:
            return self.faults[0]
        ended = f"{self.status['phase']}, {len(self.kills)} kills" if self.kills else self.status["phase"]
        return "; ".join([ended, *self.faults])


def campaign(alone, struck, say):
    """The faults of the whole campaign; says what was seen."""
    faults = [fault for course in alone + struck for fault in course.faults]
    alone, struck = [[c for c in courses if c.status] for courses in (alone, struck)]
    ends, codes = {course.end() for course in alone}, set().union(*(course.codes() for course in alone))
    for course in struck:
        if course.end() not in ends:
            faults.append(f"{course.namespace} ended as {course.end()}, those left alone as {sorted(ends)}")
        new = {code for code in course.codes() - codes if code[1] not in DISTURBED}
        faults += [f"{course.namespace} has a code that no comparison left alone has: {code}" for code in sorted(new)]
    faults += scatter(alone, struck, say)
    say(f"kills: {dict(Counter(kill.victim for course in struck for kill in course.kills))}")
    say(f"comparisons: {len(alone)} left alone, {len(struck)} with kills; trials disturbed: "
        f"{sum(len(course.disturbed()) for course in struck)}; objects left: {sum(len(course.left) for course in alone + struck)}")
    return faults


def scatter(alone, struck, say):
    """Whether kills show in the figures, all of them together: each by itself lies outside now and then by chance."""
    say(f"{'figure':44} {'left alone (least to most)':>28} {'with kills':>28}")
    for figure in sorted(set().union(*(course.figures() for course in alone))):
        values, disturbed = [[c.figures()[figure] for c in courses if figure in c.figures()] for courses in (alone, struck)]
        if not disturbed:
            continue
        least, most = min(values), max(values)
        say(f"{' '.join(map(str, figure)):44} {least:12.4g} to {most:12.4g} {min(disturbed):12.4g} to {max(disturbed):12.4g}")
        margin = MARGIN * (most - least)
        for course in struck:
            value = course.figures().get(figure, least)
            if least - margin <= value <= most + margin:
                continue
            away = course.away_during(figure[:2])
            meanwhile = f"; meanwhile {' and '.join(away)} started again on the same cores" if away else ""
            say(f"  far out: {course.namespace}, {' '.join(map(str, figure))}: {value:.4g}{meanwhile}")
    share = chance([course.figures() for course in alone], [course.figures() for course in struck])
    if share is None:
        return [f"{len(alone)} comparisons left alone and {len(struck)} with kills are too few to tell whether the figures differ"]
    say(f"figures: divided at random, the same comparisons differ as much in {share:.1%} of the divisions")
    return [f"figures of comparisons with kills are others: chance alone leads to that in {share:.2%} of the cases"] if share < RARE else []


def chance(alone, struck):
    """How often the same comparisons differ at least as much when it is drawn by lot which of them were struck: an exact test
    that asks nothing of how figures are spread. None where no difference, however large, would be rare."""
    rows = standardised(alone + struck)
    count = comb(len(rows), len(alone))
    if not rows or count * RARE < 1:
        return None
    everyone = frozenset(range(len(rows)))
    if count <= DIVISIONS:
        divisions = [frozenset(chosen) for chosen in combinations(range(len(rows)), len(alone))]
    else:
        lot = random.Random(1)
        divisions = [frozenset(range(len(alone)))] + [frozenset(lot.sample(range(len(rows)), len(alone))) for _ in range(DIVISIONS)]
    found = distance(rows, frozenset(range(len(alone))), everyone)
    # What is equal but for the order of a sum counts as equal.
    return fmean(distance(rows, division, everyone) >= found * (1 - 1e-9) for division in divisions)


def standardised(courses):
    """Each course's figures that all have, in standard deviations from the mean of all."""
    shared = sorted(set.intersection(*map(set, courses))) if courses else []
    columns = []
    for figure in shared:
        values = [course[figure] for course in courses]
        mean, deviation = fmean(values), pstdev(values)
        columns.append([(value - mean) / deviation if deviation else 0.0 for value in values])
    return [list(row) for row in zip(*columns)]


def distance(rows, alone, everyone):
    """How far those that are not alone are from the mean of those that are, summed over all figures."""
    means = [fmean(column) for column in zip(*(rows[index] for index in alone))]
    return fmean(sum(abs(value - mean) for value, mean in zip(rows[index], means)) for index in everyone - alone)

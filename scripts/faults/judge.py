"""Whether what was read is what was promised: right, or refused with a sentence, or named as perhaps above its accuracy."""

import re
from collections import Counter

from fields import CERTIFIED

# What every reader says of a network that is not certified, once.
IN_DOUBT = "is not assured for their steps"
# What every reader says of a network whose certificate names steps.
BROKEN = "by their network's certificate"
# What is a bug whatever happened.
BUGS = re.compile(r"internal error|panicked|please report", re.IGNORECASE)
# Rounding of the comparison itself.
SLACK = 1 + 1e-6


def is_right(block, way):
    """Within the bound of its way; integers to the bit."""
    return block["linf" if way.norm == "Linf" else "l2"] <= (0 if block["array"] == "cells" else way.accuracy * SLACK)


def is_sentence(refusal, block):
    """Names variable and file."""
    return f"'{block['array']}'" in refusal and "run.bp" in refusal


def name_of(block):
    """For people."""
    return f"step {block['step']} of {block['array']} at {block['start']}"


class Judge:
    """Counts of a run, and what was wrong."""

    def __init__(self, place):
        self.place, self.way = place, place.way
        self.counts, self.failures = Counter(), []

    def fail(self, when, what):
        """A failure of the run."""
        self.failures.append(f"{when}: {what}")

    def look(self, when, seed, n_least, n_exact=None, may_refuse=()):
        """Reads everything and judges it; how many steps there are. `may_refuse`: arrays of which bytes were destroyed."""
        found, said = self.place.read(seed)
        if found is None:
            if n_least or n_exact:
                self.fail(when, f"{n_least} steps were finished, but the dataset cannot be opened: {said[-300:]}")
            return 0
        n_steps = found["n_steps"]
        if n_steps < n_least or n_exact not in (None, n_steps):
            self.fail(when, f"{n_steps} steps of {n_exact or n_least} are there")
        self.counts["blocks checked"] += len(found["blocks"])
        for block in found["blocks"]:
            if "refused" in block:
                self.judge_refusal(when, block, may_refuse)
        wrong = [block for block in found["blocks"] if "refused" not in block and not is_right(block, self.way)]
        told = self.place.inspect() if wrong and self.way.temporal == "series" else ({}, "")
        for block in wrong:
            if not self.is_named(block, said, *told) and not self.is_of_the_host():
                error = block["l2" if self.way.norm == "L2" else "linf"]
                what = f"{error:.4g} where {self.way.accuracy} was promised"
                self.fail(when, f"{name_of(block)} is silently wrong: {what}")
        return n_steps

    def judge_refusal(self, when, block, may_refuse):
        """Only where bytes were destroyed, and in a sentence."""
        self.counts["refused"] += 1
        said = block["refused"].strip()[-300:]
        if block["array"] not in may_refuse:
            self.fail(when, f"{name_of(block)} is refused: {said}")
        elif not is_sentence(block["refused"], block) and not self.is_of_the_host():
            self.fail(when, f"{name_of(block)} is refused without a sentence that names it: {said}")

    def is_of_the_host(self):
        """Bytes that ADIOS2 alone reads were changed: what comes of that is counted and no failure."""
        self.counts["in ADIOS2's own bytes"] += self.place.hits_host
        return self.place.hits_host

    def is_named(self, block, said, blocks, text):
        """Whether a network's step above its accuracy is known to be, or within what its certificate may be off by."""
        about = blocks.get((block["array"], tuple(block["start"]), block["step"]), {})
        network = about.get("network") or {}
        if about.get("record", {}).get("model") != "series":
            return False
        if network.get("is_broken") and f"variable '{block['array']}'" in said and BROKEN in said:
            self.counts["named above"] += 1
        elif network.get("is_finished") is False and IN_DOUBT in said and "is not assured now" in text:
            self.counts["named not assured"] += 1
        elif network.get("is_finished") and block["l2"] <= CERTIFIED * self.way.accuracy:
            self.counts["missed by its certificate"] += 1
        else:
            return False
        return True

    def bugs(self):
        """Whatever happens to a run, none of its processes may say that it has a bug."""
        for name, said in [("writer", self.place.writer_said()), *self.place.said]:
            if BUGS.search(said):
                self.fail(name, said[-400:])

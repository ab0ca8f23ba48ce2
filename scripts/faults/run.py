"""Long runs, each hit by a fault at a random moment; then every step has to be right, named, or refused with a sentence.

After each fault another process reads all steps whose EndStep has returned; then `inr finalize` (series), the next run appends, and all
is read again. Prints a table and every failure with how to repeat it, writes faults.json, and fails when something failed.

usage: python scripts/faults/run.py ARTEFACTS OUT [--kills 204] [--others 4] [--seconds 3600] [--seed N] [--jobs 2] [--case NUMBER]
ARTEFACTS holds libadios2_inr.so and inr; needs the adios2 wheel and numpy.
"""

import argparse
import json
import random
import shutil
import statistics
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from faults import FAULTS, OF_THE_STORE, Baseline, CannotHere, Missed, run_as_root
from fields import N_APPENDED, N_STEPS, WAYS
from host import cut_off
from judge import Judge
from place import Place

TRIES = 20
COLUMNS = (
    "blocks checked",
    "refused",
    "named above",
    "named not assured",
    "missed by its certificate",
    "in ADIOS2's own bytes",
    "metadata cut off",
    "failures",
)


def plan(kills, others):
    """(fault, temporal) of each case: `kills` in all, `others` of every other fault and way; those of a kind do not stand together."""
    of_kills = [(fault, way) for fault in FAULTS if fault.is_kill for way in WAYS]
    cases = [of_kills[i % len(of_kills)] for i in range(kills)]
    for fault in FAULTS:
        ways = [way for way in WAYS if way != "none" or fault.name not in OF_THE_STORE]
        cases += [(fault, way) for way in ways if not fault.is_kill] * others
    random.Random(0).shuffle(cases)
    return cases


def measure(artefacts, out, jobs):
    """What an undisturbed run takes in each way, as many at once as there will be."""

    def one(temporal, i):
        place = Place(artefacts, out / f"baseline-{temporal}-{i}", WAYS[temporal])
        code, seconds = place.write()
        judge = Judge(place)
        judge.look("an undisturbed run", "0", N_STEPS, N_STEPS)
        if code or judge.failures:
            raise SystemExit(f"an undisturbed run failed: {judge.failures[:3]} {place.writer_said()}")
        return timed(place, seconds)

    baselines = {}
    for temporal in WAYS:
        with ThreadPoolExecutor(jobs) as pool:
            baselines[temporal] = list(pool.map(lambda i: one(temporal, i), range(jobs)))[0]
    return baselines


def timed(place, seconds):
    """What the notes of an undisturbed run say."""
    notes = [line.split() for line in place.noted()]
    at = {kind: [float(words[-1]) for words in notes if words[0] == kind] for kind in ("begin", "end", "done")}
    end_step = statistics.mean(done - end for end, done in zip(at["end"], at["done"]))
    writing = at["done"][-1] - at["begin"][0]
    sizes = [path.stat().st_size for path in place.dataset.rglob("*") if path.is_file()]
    return Baseline(writing / N_STEPS, end_step, max(0.0, seconds - writing), sum(sizes), max(sizes))


def harmed(artefacts, folder, fault, way, rng, baseline):
    """A run that was hit, and what was done to it; one that was over before is done again."""
    for _ in range(TRIES):
        place = Place(artefacts, folder, way)
        try:
            return place, fault.harm(place, rng, baseline)
        except Missed:
            remove(place)
    raise RuntimeError(f"the run was over before it was hit, {TRIES} times")


def unmount(place):
    """Keeps what is on the disk of a run and gives the disk back."""
    if place.disk.is_mount():
        shutil.copytree(place.disk, place.folder / "kept")
        run_as_root("umount", place.disk)


def remove(place):
    """The folder of a run."""
    unmount(place)
    shutil.rmtree(place.folder)


def one(artefacts, out, number, seed, case, baseline):
    """A case, from the fault to the last reading: counts and failures."""
    fault, temporal = case
    rng, folder = random.Random(f"{seed}/{number}"), out / f"case-{number}"
    shutil.rmtree(folder, ignore_errors=True)
    place, what = harmed(artefacts, folder, fault, WAYS[temporal], rng, baseline)
    judge, phase = Judge(place), (place.noted() or [""])[-1].split(" ")[0]
    try:
        follow(place, fault, judge, rng)
    except Exception as error:  # what cannot be judged is a failure that is told like any other
        judge.fail("the check", repr(error))
    row = {"case": number, "fault": fault.name, "temporal": temporal, "what": what, "phase": phase}
    row |= {"finished": place.n_finished_at_fault, **judge.counts, "failures": judge.failures}
    (unmount if judge.failures else remove)(place)
    return row


def follow(place, fault, judge, rng):
    """Reads, finishes, continues and reads again."""
    n_finished = place.n_finished_at_fault = place.n_finished()
    may_refuse, seeds = fault.destroys, [str(rng.random()) for _ in range(3)]
    try:
        n_steps = judge.look("after the fault", seeds[0], n_finished, may_refuse=may_refuse)
    finally:
        fault.mend(place)
    if place.way.temporal == "series" and place.store_files():
        code, said = place.finalize()
        if code and not fault.destroys:
            judge.fail("inr finalize", said[-400:])
        judge.look("after inr finalize", seeds[1], n_finished, n_steps, may_refuse)
    judge.counts["metadata cut off"] += cut_off(place.dataset)
    code = place.append(n_steps)
    if code:
        judge.fail("the next run", f"exit code {code}: {place.writer_said()[-400:]}")
    judge.look("after the next run", seeds[2], n_steps + N_APPENDED, n_steps + N_APPENDED, may_refuse)
    judge.bugs()


def possible(out):
    """Names of faults that this machine can do; says which others it skips, and why."""
    found, folder = [], out / "try"
    folder.mkdir(exist_ok=True)
    for fault in FAULTS:
        try:
            fault.check(folder)
            found.append(fault.name)
        except CannotHere as why:
            print(f"skipped  {fault.name}: {why}")
    return found


def table(rows):
    """Fault by temporal."""
    lines = [f"| fault | temporal | runs | {' | '.join(COLUMNS)} |", "|---" * (3 + len(COLUMNS)) + "|"]
    for fault in FAULTS:
        for temporal in WAYS:
            of_it = [row for row in rows if (row["fault"], row["temporal"]) == (fault.name, temporal)]
            sums = Counter()
            for row in of_it:
                sums.update({c: row.get(c, 0) if c != "failures" else int(bool(row[c])) for c in COLUMNS})
            if of_it:
                cells = [fault.name, temporal, len(of_it), *(sums[c] for c in COLUMNS)]
                lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def tell(row, args):
    """A failure, and how to repeat it."""
    again = f"--seed {args.seed} --kills {args.kills} --others {args.others} --case {row['case']}"
    print(f"FAILED   case {row['case']}, {row['fault']}, temporal={row['temporal']}, {row['what']}; again with {again}")
    for failure in row["failures"][:3]:
        print(f"         {failure}")
    if len(row["failures"]) > 3:
        print(f"         and {len(row['failures']) - 3} more", flush=True)


def run(args, cases, baselines, names):
    """All cases that are possible, within the limit of time."""
    started, numbers = time.monotonic(), [n for n, (fault, _) in enumerate(cases) if fault.name in names]
    if args.case is not None:
        numbers = [args.case]

    def within_time(number):
        if time.monotonic() - started > args.seconds:
            return None
        row = one(args.artefacts, args.out, number, args.seed, cases[number], baselines[cases[number][1]])
        where = f"in '{row['phase']}' after {row['finished']} steps"
        print(f"case {number}: {row['fault']}, temporal={row['temporal']}, {row['what']}, {where}", flush=True)
        if row["failures"]:
            tell(row, args)
        return row

    with ThreadPoolExecutor(args.jobs) as pool:
        rows = [row for row in pool.map(within_time, numbers) if row]
    return rows, len(numbers) - len(rows)


def arguments():
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("artefacts", type=lambda path: Path(path).resolve())
    parser.add_argument("out", type=lambda path: Path(path).resolve())
    parser.add_argument("--kills", type=int, default=204, help="kill -9, SIGTERM, abort() and those in EndStep together")
    parser.add_argument("--others", type=int, default=4, help="runs of every other fault and temporal")
    parser.add_argument("--seconds", type=float, default=3600, help="no case begins later")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--jobs", type=int, default=2, help="runs at the same time")
    parser.add_argument("--case", type=int, help="only this one")
    return parser.parse_args()


def main():
    """Runs the cases and tells of them."""
    args = arguments()
    print(f"seed {args.seed}")
    args.out.mkdir(parents=True, exist_ok=True)
    for old in args.out.glob("baseline-*"):
        shutil.rmtree(old)
    baselines = measure(args.artefacts, args.out, args.jobs)
    print("an undisturbed step, with its EndStep: ", end="")
    print(", ".join(f"{way} {1e3 * b.step:.1f} ms, {1e3 * b.end_step:.2f} ms" for way, b in baselines.items()), flush=True)
    names = possible(args.out)
    rows, n_left = run(args, plan(args.kills, args.others), baselines, names)
    of_kills = {fault.name for fault in FAULTS if fault.is_kill}
    phases = Counter(row["phase"] for row in rows if row["fault"] in of_kills)
    print(f"\n{table(rows)}\nkilled in: {', '.join(f'{phase} {n}' for phase, n in sorted(phases.items()))}")
    print(f"{n_left} cases were not begun within {args.seconds:.0f} s" if n_left else "all cases ran")
    failed = [row for row in rows if row["failures"]]
    report = {"seed": args.seed, "kills": args.kills, "others": args.others, "rows": rows, "phases": phases}
    (args.out / "faults.json").write_text(json.dumps(report, indent=1))
    for row in failed:
        tell(row, args)
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()

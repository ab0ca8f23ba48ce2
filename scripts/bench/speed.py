#!/usr/bin/env python3
"""Speed by data set and norm, before and now, and how many times as fast as the peers; and what each effort comes to: Markdown tables.

usage: python scripts/bench/speed.py BEFORE.csv NOW.csv

Both are rows.csv of `inr bench ... -o OUT`; NOW has SPERR and SZ3 beside ours, and may have several efforts of ours (--ours effort=fast).
Geometric means over the bounds.
"""

import csv
import math
import sys

NAMES = ("encode_mb_s", "decode_mb_s")


def rows(path):
    """{(data, norm, error): {codec: row}}, ours as "inr", other efforts than the default by their names."""
    by = {}
    for row in csv.DictReader(open(path)):
        codec, _, effort = row["codec"].partition(" effort=")
        norm, _, error = row["goal"].split()
        by.setdefault((row["data"], norm, error), {})[codec if effort in ("", "default") else effort] = row
    return by


def mean(by, codec, name, keys):
    return math.exp(sum(math.log(float(by[key][codec][name])) for key in keys) / len(keys))


def line(title, before, now, keys):
    cells = []
    for name in NAMES:
        ours = mean(now, "inr", name, keys)
        cells += [f"{mean(before, 'inr', name, keys):.0f}", f"{ours:.0f}"]
        cells += [f"{ours / mean(now, peer, name, keys):.2f}" for peer in ("sperr", "sz3")]
    print("|", title, "|", " | ".join(cells), "|")


def effort(title, now, codec):
    """A row of the table of efforts: means, and the worst row where that matters."""
    of = {
        (name, peer): [float(now[key][codec][name]) / float(now[key][peer][name]) for key in now]
        for peer in ("inr", "sperr", "sz3")
        for name in (*NAMES, "ratio")
    }
    mean_of = {key: math.exp(sum(map(math.log, values)) / len(values)) for key, values in of.items()}
    cells = [f"{1 / mean_of['ratio', 'inr']:.3f}"]
    cells += [f"{mean_of['ratio', peer]:.2f} ({min(of['ratio', peer]):.2f})" for peer in ("sperr", "sz3")]
    for name in NAMES:
        cells.append(f"{mean_of[name, 'inr']:.2f}")
        cells += [f"{mean_of[name, peer]:.2f} ({min(of[name, peer]):.2f})" for peer in ("sperr", "sz3")]
    print("|", title, "|", " | ".join(cells), "|")


def efforts(now):
    columns = ["bytes of default", "ratio of SPERR", "of SZ3"]
    columns += [f"{kind} speed of {whose}" for kind in ("encode", "decode") for whose in ("default", "SPERR", "SZ3")]
    print("\n| effort |", " | ".join(columns), "|")
    print("|---" * (1 + len(columns)) + "|")
    known = next(iter(now.values()))
    for codec in ("fast", "inr", "best"):
        if codec in known:
            effort("default" if codec == "inr" else codec, now, codec)


def main():
    before, now = rows(sys.argv[1]), rows(sys.argv[2])
    head = [cell for name in ("encode", "decode") for cell in (f"{name} MB/s, before", "now", "of SPERR", "of SZ3")]
    print("| data |", " | ".join(head), "|")
    print("|---" * (1 + len(head)) + "|")
    for data, norm in dict.fromkeys((data, norm) for data, norm, _ in now):
        line(f"`{data}` {norm}", before, now, [key for key in now if key[:2] == (data, norm)])
    line("all", before, now, list(now))
    bytes_ = {key: int(now[key]["inr"]["stored_bytes"]) / int(before[key]["inr"]["stored_bytes"]) for key in now}
    worst = max(bytes_, key=bytes_.get)
    all_of = math.exp(sum(map(math.log, bytes_.values())) / len(bytes_))
    print(f"\nbytes now of those before: {all_of:.4f}, worst row {bytes_[worst]:.4f} ({' '.join(worst)})")
    for name in NAMES:
        factor = {key: float(now[key]["inr"][name]) / float(now[key]["sperr"][name]) for key in now}
        worst = min(factor, key=factor.get)
        print(f"\n{name} of SPERR, worst row: {factor[worst]:.2f} ({' '.join(worst)})")
    efforts(now)


if __name__ == "__main__":
    main()

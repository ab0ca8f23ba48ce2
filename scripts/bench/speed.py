#!/usr/bin/env python3
"""Speed by data set and norm, before and now, and how many times as fast as the peers: a Markdown table.

usage: python scripts/bench/speed.py BEFORE.csv NOW.csv

Both are written by `inr bench ... --csv FILE`; NOW has SPERR and SZ3 beside ours. Geometric means over the bounds.
"""

import csv
import math
import sys

NAMES = ("encode_mb_s", "decode_mb_s")


def rows(path):
    """{(data, norm, error): {codec: row}}, ours as "inr"."""
    by = {}
    for row in csv.DictReader(open(path)):
        codec = row["codec"].split("/")[0]
        by.setdefault((row["data"], row["norm"], row["error"]), {})[codec] = row
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


if __name__ == "__main__":
    main()

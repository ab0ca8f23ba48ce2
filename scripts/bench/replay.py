"""Writes snapshots of a .npy file with ADIOS2, one variable per channel; the XML file alone says how they are stored.

usage: python replay.py CONFIG.xml OUTPUT.bp SNAPSHOTS.npy NAME...    (SNAPSHOTS: steps, nodes, channels)
"""

import sys

import adios2
import numpy as np


def main(config, output, path, names):
    """One step per snapshot; tells every finished step."""
    snapshots = np.load(path, mmap_mode="r")
    n_nodes = snapshots.shape[1]
    io = adios2.Adios(config).declare_io("SimulationOutput")
    with adios2.Stream(io, output, "w") as stream:
        for step, snapshot in enumerate(snapshots):
            stream.begin_step()
            for channel, name in enumerate(names):
                stream.write(name, np.ascontiguousarray(snapshot[:, channel]), [n_nodes], [0], [n_nodes])
            stream.end_step()
            print(step, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:4], sys.argv[4:])

"""What happens to a run: each fault does its harm, tells in words what it did, and undoes what would keep the next run from writing."""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import Callable

from fields import ARRAYS, N_STEPS


class Missed(Exception):
    """The run was over before it was hit."""


class CannotHere(Exception):
    """Why this machine cannot do it."""


@dataclass(frozen=True)
class Fault:
    """A fault by its name. `harm(place, rng, baseline)` runs the writer and returns what it did; `destroys`: arrays of which bytes that
    were written are lost, so that steps may be refused; `mend(place)` comes before the dataset is written again; `check(folder)` tries
    it."""

    name: str
    harm: Callable
    is_kill: bool = False
    destroys: tuple = ()
    mend: Callable = lambda place: None
    check: Callable = lambda folder: None


@dataclass(frozen=True)
class Baseline:
    """An undisturbed run: seconds of a step, of its EndStep, and from Close to the end of the process; bytes of the dataset and of its
    largest file."""

    step: float
    end_step: float
    close: float
    n_bytes: int
    largest: int


def wait_at_random(place, writer, rng, baseline):
    """Until a random moment of a random step, or of the end: a load on the machine that comes and goes must not make it an early one."""
    step = rng.randrange(N_STEPS + 1)
    rest = rng.random() * (baseline.close if step == N_STEPS else baseline.step)
    while writer.poll() is None and place.n_finished() < step:
        time.sleep(0.002)
    try:
        writer.wait(rest)
    except subprocess.TimeoutExpired:
        return
    raise Missed


def killed_by(number):
    """Ends the writer by a signal at a random moment."""

    def harm(place, rng, baseline):
        def hit(writer):
            wait_at_random(place, writer, rng, baseline)
            writer.send_signal(number)

        code, _ = place.write(hit=hit)
        if code >= 0:
            raise Missed
        return f"signal {-code}"

    return harm


def killed_in_end_step(place, rng, baseline):
    """A signal at a random moment of a step's EndStep, which is too short for others to hit."""
    alarm = f"{rng.randrange(N_STEPS)}:{max(1e-6, rng.random() * baseline.end_step)}"
    code, _ = place.write(alarm=alarm)
    if code >= 0:
        raise Missed
    return f"signal {-code}"


def torn_write(place, rng, baseline):
    """The write that brings a file to a random size is cut off there, and ends the writer."""
    size = rng.randrange(64, baseline.largest)
    code, _ = place.write(file_bytes=size)
    if code >= 0:
        raise Missed
    torn = [path.name for path in place.dataset.rglob("*") if path.is_file() and path.stat().st_size == size]
    return f"signal {-code} at byte {size} of {' and '.join(torn)}"


def run_as_root(*command):
    """Runs a program of the system."""
    if os.geteuid() != 0:
        raise CannotHere("needs root")
    if shutil.which(command[0]) is None:
        raise CannotHere(f"needs {command[0]}")
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise CannotHere(f"{command[0]} is refused: {done.stderr.strip()}")


def mount(folder, size):
    """A disk of `size` bytes in memory."""
    run_as_root("mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder)


def check_mount(folder):
    """Tries it."""
    mount(folder, 4096)
    run_as_root("umount", folder)


def full_disk(place, rng, baseline):
    """The dataset is on a disk with less room than it needs."""
    size = 4096 * (8 + int(rng.random() * baseline.n_bytes / 4096))
    mount(place.disk, size)
    code, _ = place.write()
    return f"a disk of {size} bytes, the writer's exit code was {code}"


def more_room(place):
    """Makes the disk larger."""
    run_as_root("mount", "-o", "remount,size=64m", place.disk)


def change_read_only(place, sign):
    """Nothing in the folder can be changed any more, not even by who has it open; or all can again."""
    paths = [path for path in place.chosen if path.exists()]
    if not paths:
        return
    if os.geteuid() == 0:
        run_as_root("chattr", f"{sign}i", *paths)
        return
    for path in paths:
        path.chmod(path.stat().st_mode & 0o555 if sign == "+" else path.stat().st_mode | 0o200)


def read_only(place, rng, baseline):
    """The dataset's folder or only its model store turns read-only at a random moment."""

    def hit(writer):
        wait_at_random(place, writer, rng, baseline)
        if not place.dataset.exists():
            raise Missed
        store = place.dataset / "inr"
        top = store if store.exists() and rng.random() < 0.5 else place.dataset
        place.chosen = [top, *top.rglob("*")]
        change_read_only(place, "+")

    code, _ = place.write(hit=hit)
    return f"{place.chosen[0].name} read-only after '{place.noted()[-1].rsplit(' ', 1)[0]}', the writer's exit code was {code}"


def writable(place):
    """Undoes `read_only`."""
    change_read_only(place, "-")


def check_read_only(folder):
    """Root may write where no permission is given; only chattr stops it, where the file system knows it."""
    if os.geteuid() == 0:
        run_as_root("chattr", "+i", folder)
        run_as_root("chattr", "-i", folder)


def choose(rng, paths):
    """One of the files; without any there is nothing to destroy."""
    if not paths:
        raise Missed
    return rng.choice(paths)


def store_lost_while_writing(place, rng, baseline):
    """A file of the model store is removed while its writer goes on, which has to put it back."""
    lost = []

    def hit(writer):
        wait_at_random(place, writer, rng, baseline)
        lost.extend(place.store_files()[:1])
        for path in lost:
            path.unlink()

    code, _ = place.write(hit=hit)
    if not lost:
        raise Missed
    return f"{lost[0].name} removed, the writer's exit code was {code}"


def store_lost_afterwards(place, rng, baseline):
    """A file of the model store is lost for good."""
    place.write()
    path = choose(rng, place.store_files())
    path.unlink()
    return f"{path.name} removed"


# What ADIOS2 writes in front of a record: how to find the plugin. No checksum guards it.
HOST_HEADER = re.compile(rb".\x01\x00\x00\x02\x0dPluginLibrary\x0aadios2_inr\x0aPluginName\x03inr(?=INR)", re.DOTALL)


def flipped(files):
    """One to eight bytes of a file are changed after the run; `files(place)` says of which ones."""

    def harm(place, rng, baseline):
        place.write()
        path = choose(rng, files(place))
        content = path.read_bytes()
        places = sorted(rng.randrange(len(content)) for _ in range(rng.choice((1, 1, 2, 8))))
        changed = bytearray(content)
        for at in places:
            changed[at] ^= rng.randrange(1, 256)
        path.write_bytes(changed)
        headers = [header.span() for header in HOST_HEADER.finditer(content)]
        place.hits_host = any(start <= at < end for at in places for start, end in headers)
        return f"bytes {places} of {path.name} changed"

    return harm


# Integers never stand in the model store.
IN_THE_STORE = ("u", "v")

FAULTS = (
    Fault("kill -9", killed_by(signal.SIGKILL), is_kill=True),
    Fault("SIGTERM", killed_by(signal.SIGTERM), is_kill=True),
    Fault("abort()", killed_by(signal.SIGUSR1), is_kill=True),
    Fault("killed in EndStep", killed_in_end_step, is_kill=True),
    Fault("killed within a write", torn_write),
    Fault("full disk", full_disk, mend=more_room, check=check_mount),
    Fault("folder turns read-only", read_only, mend=writable, check=check_read_only),
    Fault("store file lost while writing", store_lost_while_writing),
    Fault("store file lost afterwards", store_lost_afterwards, destroys=IN_THE_STORE),
    Fault("bytes changed in data.*", flipped(lambda place: place.data_files()), destroys=tuple(ARRAYS)),
    Fault("bytes changed in the store", flipped(lambda place: place.store_files()), destroys=IN_THE_STORE),
)

# Those that need a model store.
OF_THE_STORE = tuple(fault.name for fault in FAULTS if "store" in fault.name)

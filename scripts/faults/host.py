"""What ADIOS2's own files need before a run may append to them: ADIOS2 2.12 goes on behind a step that was cut off in the metadata, with or
without an operator, and then finds none of the following ones."""

import struct

# Bytes before the first record of md.idx; of a record's kind and length.
HEADER, HEAD = 64, 9


def listed(index):
    """Bytes of md.idx that are whole records, and the end in md.0 of the last step that they list."""
    at, end = HEADER, 0
    while at + HEAD <= len(index):
        kind, length = struct.unpack_from("<cQ", index, at)
        if at + HEAD + length > len(index):
            break
        if kind == b"s":
            end = sum(struct.unpack_from("<QQ", index, at + HEAD))
        at += HEAD + length
    return at, end


def cut_off(dataset):
    """Takes from md.idx and md.0 what no step needs; true if there was something."""
    paths = [dataset / "md.idx", dataset / "md.0"]
    if not all(path.exists() for path in paths) or paths[0].stat().st_size < HEADER:
        return False
    ends = listed(paths[0].read_bytes())
    torn = [(path, end) for path, end in zip(paths, ends) if path.stat().st_size > end]
    for path, end in torn:
        with open(path, "r+b") as file:
            file.truncate(end)
    return bool(torn)

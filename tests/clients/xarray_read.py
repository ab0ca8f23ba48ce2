"""usage: xarray_read.py FOLDER NAME PLAIN: opens both datasets with xarray and prints a line of JSON with the errors of the one against the
other, which was written without the operator."""
import json
import os
import sys

import xarray

from engines import N, block_errors

os.chdir(sys.argv[1])
coded, plain = (xarray.open_dataset(name, engine="adios2_engine") for name in sys.argv[2:4])
assert coded.sizes == plain.sizes and str(coded.attrs) == str(plain.attrs), f"{coded}\n{plain}"
assert (coded["cells"].values == plain["cells"].values).all() and (coded["time"].values == plain["time"].values).all()
pairs = zip(coded["u"].values, plain["u"].values)
errors = [block_errors(got[:, half], want[:, half]) for got, want in pairs for half in (slice(0, N), slice(N, 2 * N))]
linf, l2 = (max(kind) for kind in zip(*errors))
print(json.dumps({"linf": linf, "l2": l2, "n_blocks": len(errors)}))

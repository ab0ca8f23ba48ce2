"""Makes classic.nc, netcdf4.nc and plain.h5: u(t, y, x) = 100 t + 10 y + x, w packed as int16, one hole, node coordinates.

Needs netCDF4 and h5py.
"""
import h5py
import netCDF4
import numpy as np

for name, kind in (("classic", "NETCDF3_CLASSIC"), ("netcdf4", "NETCDF4")):
    with netCDF4.Dataset(f"{name}.nc", "w", format=kind) as f:
        for axis, n in (("t", None), ("y", 2), ("x", 3), ("node", 6)):
            f.createDimension(axis, n)
        t, y, x = np.meshgrid(range(4), range(2), range(3), indexing="ij")
        more = {"zlib": True, "chunksizes": (1, 2, 3)} if kind == "NETCDF4" else {}
        f.createVariable("u", "f4", ("t", "y", "x"), **more)[:] = 100 * t + 10 * y + x
        packed = f.createVariable("w", "i2", ("t", "y", "x"), fill_value=-999)
        packed.scale_factor, packed.add_offset = 0.5, 10.0
        packed[:] = np.ma.masked_where((t == 3) & (x == 2), 0.5 * t)
        f.createVariable("v", "f8", ("t", "node"))[:] = np.arange(24).reshape(4, 6)
        f.createVariable("lon", "f8", ("node",))[:] = np.arange(6) ** 2
        f.createVariable("lat", "f8", ("node",))[:] = 6 - np.arange(6)

with h5py.File("plain.h5", "w", libver="latest", meta_block_size=512) as f:
    t, y, x = np.meshgrid(range(4), range(2), range(3), indexing="ij")
    u = 100 * t + 10 * y + x
    f.create_dataset("u", data=u.astype("f4"), chunks=(1, 2, 3), compression="gzip", shuffle=True)
    f.create_dataset("deep/er/u", data=u.astype(">f8"))
    packed = np.where((t == 3) & (x == 2), -999, np.round((0.5 * t - 10) / 0.5)).astype("i2")
    w = f.create_dataset("w", data=packed)
    w.attrs["scale_factor"], w.attrs["add_offset"] = np.float32(0.5), np.float32(10)
    w.attrs["_FillValue"] = np.array([-999], "i2")
    f["n"] = u.astype("i4")
    f["z"] = u.astype("c8")
    f["s"] = "text"
    f["deep/up"] = h5py.SoftLink("/deep")
    f["x"] = np.arange(70, dtype="f4")
    f["x"].make_scale("x")

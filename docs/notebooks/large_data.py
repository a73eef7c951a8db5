# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Data larger than memory
#
# Images are read and written slice by slice, so that a volume need not fit into memory. Train on
# a part of it, then apply the model to all. Here the volume is a small OME-Zarr store; a large
# one is treated alike.

# %%
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import zarr

from autoStructN2V.datasets import make_sample, open_images
from autoStructN2V.pipeline import (
    denoise_events,
    find_models,
    finish,
    output_files,
    recorded_events,
    with_progress,
)
from autoStructN2V.trainers import load_model

folder = Path(mkdtemp())
slices = make_sample("horizontal_lines", shape=(8, 128, 128)).noisy
store = zarr.create_array(
    str(folder / "volume.zarr"), shape=slices.shape, chunks=(1, 64, 64), dtype="uint16"
)
for z, plane in enumerate(slices):  # as a microscope writes it
    store[z] = np.round(1000 * plane + 500)

# %% [markdown]
# ## Open without reading

# %%
(volume,) = open_images(folder / "volume.zarr", mode="2D", axes="ZYX")
volume.shape, volume.dtype

# %% [markdown]
# ## Train on a few slices
#
# Anything like an array is an image: dask arrays, memory maps, zarr arrays. Slices of a zarr
# array are read here; a quarter of a volume is often enough.

# %%
from autoStructN2V.datasets import ArraySource

config = {
    "output_dir": folder,
    "preset": "fast",
    "num_epochs": 4,
    "stage1": {"features": 16},
    "stage2": {"features": 16, "steps_per_epoch": 30},
}
part = ArraySource(store[::4], name="every fourth slice")
trained = finish(with_progress(recorded_events([part], config)))

# %% [markdown]
# ## Apply to all of it
#
# The result has the format of the input. If it is stopped or killed, `resume=True` goes on with
# the slice at which it ended; on a cluster, `autostructn2v denoise --scheduler` shares the work.

# %%
files = find_models(trained.folders.model)
model = load_model(files[max(files)])
outputs = output_files([volume], folder / "volume.zarr", folder / "denoised", stage=2)
written = finish(with_progress(denoise_events([volume], model, outputs)))
written

# %%
(denoised,) = open_images(written[0], mode="2D")
middle = denoised.read_slice(4)
middle.shape, middle.dtype, round(float(middle.mean()), 1)

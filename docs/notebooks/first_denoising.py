# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # First denoising
#
# One noisy stack, no clean images. The noise has a part that differs from pixel to pixel and a
# part that pixels of a row share, as a scanner makes it. The images are generated, so that the
# truth is known; it is used for the last picture only.

# %%
import matplotlib.pyplot as plt
import numpy as np

from autoStructN2V.datasets import make_sample
from autoStructN2V.pipeline import finish, pipeline_events, with_progress

sample = make_sample("horizontal_lines", shape=(4, 128, 128))
noisy = sample.noisy  # (z, y, x) float32
noisy.shape, noisy.dtype

# %% [markdown]
# ## Train and denoise
#
# A run is a generator of events. `finish` runs it to its end, `with_progress` draws bars
# meanwhile, and in Jupyter the losses as they fall. Here it is kept short; leave the last line out
# for the preset `fast` as it is, which takes a minute or two.

# %%
config = {
    "preset": "fast",
    "num_epochs": 5,
    "stage1": {"features": 16},
    "stage2": {"features": 16, "steps_per_epoch": 30},
}
result = finish(with_progress(pipeline_events(noisy, config), losses=True))
denoised = result.last_stage.denoised[0]

# %% [markdown]
# ## What came of it

# %%
z = 1
panels = {
    "noisy": noisy[z],
    "stage 1": result.stage1.denoised[0][z],
    "stage 2": denoised[z],
    "truth": sample.clean[z],
}
low, high = np.percentile(sample.clean[z], [0.5, 99.5])
figure, axes = plt.subplots(1, 4, figsize=(13, 3.6))
for ax, (title, image) in zip(axes, panels.items(), strict=True):
    ax.imshow(image, cmap="gray", vmin=low, vmax=high)
    ax.set_title(title)
    ax.axis("off")

# %% [markdown]
# What the run says of itself, without the truth: how far the result is from it, by splitting the
# noise, and how much correlated noise is left.

# %%
print(result.verdict.sentence if result.verdict else "It cannot be told.")
for stage in (result.stage1, result.stage2):
    print(stage.report.sentence)

# %% [markdown]
# ## Keep the model and apply it
#
# `run_pipeline` and `file_events` write models, images and a report by themselves; in memory this
# is done by hand.

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

from autoStructN2V.datasets import ArraySource
from autoStructN2V.pipeline import denoise_array_events
from autoStructN2V.trainers import load_model, save_model

more = make_sample("horizontal_lines", seed=1, shape=(1, 128, 128))
with TemporaryDirectory() as folder:
    save_model(Path(folder) / "stage2_model.pth", result.stage2.model)
    model = load_model(Path(folder) / "stage2_model.pth")
again = finish(denoise_array_events([ArraySource(more.noisy)], model))[0]

error = {"noisy": more.noisy, "denoised": again}
{
    name: round(float(np.sqrt(np.mean((image - more.clean) ** 2))), 4)
    for name, image in error.items()
}

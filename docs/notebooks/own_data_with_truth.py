# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own data, with a truth to compare
#
# Training never sees clean images. If you have some (a long exposure, an average of many frames),
# they tell how good the result is. Put your files in the place of the two that are written here.

# %%
from pathlib import Path
from tempfile import mkdtemp

import matplotlib.pyplot as plt
import numpy as np
import tifffile
from scipy.ndimage import gaussian_filter

from autoStructN2V.datasets import make_sample, open_images, read_stack
from autoStructN2V.pipeline import file_events, finish, with_progress

folder = Path(mkdtemp())
sample = make_sample("vertical_stripes", shape=(3, 128, 128))
for name, stack in {"noisy": sample.noisy, "truth": sample.clean}.items():
    counts = np.round(1000 * stack + 500).clip(0, 65535).astype(np.uint16)
    tifffile.imwrite(folder / f"{name}.tif", counts, imagej=True, metadata={"axes": "ZYX"})

# %% [markdown]
# ## Train from files to files

# %%
config = {
    "input_dir": folder / "noisy.tif",
    "output_dir": folder,
    "preset": "fast",
    "num_epochs": 5,
    "stage1": {"features": 16},
    "stage2": {"features": 16, "steps_per_epoch": 30},
}
output = finish(with_progress(file_events(config)))
output.files

# %% [markdown]
# ## Scores
#
# Peak signal-to-noise ratio in dB, after the scale and offset that fit best: a truth of another
# exposure has other intensities. Beside it the Gaussian filter that the truth likes best, which
# is the least that a method should beat.

# %%
noisy, truth = (
    read_stack(open_images(folder / f"{name}.tif", mode="2D")[0]) for name in ("noisy", "truth")
)
images = {"noisy": noisy}
images |= {
    f"stage {n}": read_stack(open_images(files[0], mode="2D")[0])
    for n, files in output.files.items()
}


def psnr(image, truth):
    """Return the PSNR in dB after the best linear fit; the peak is the range of the truth."""
    slope, offset = np.polyfit(image.ravel(), truth.ravel(), 1)
    error = np.mean((slope * image + offset - truth) ** 2)
    return 10 * np.log10(np.ptp(truth) ** 2 / error)


filtered = {sigma: gaussian_filter(noisy, (0, sigma, sigma)) for sigma in (0.5, 1, 1.5, 2, 3)}
best = max(filtered, key=lambda sigma: psnr(filtered[sigma], truth))
images[f"Gaussian, {best} px"] = filtered[best]
for name, image in images.items():
    print(f"{name:16} {psnr(image, truth):.2f} dB")

# %% [markdown]
# The run estimated the same without the truth:

# %%
print(output.result.verdict.sentence)

# %% [markdown]
# ## Where it is wrong
#
# What was removed should look like noise. Structure in it is what was lost.

# %%
last = images[f"stage {max(output.files)}"]
figure, axes = plt.subplots(1, 3, figsize=(12, 4))
shown = {"denoised": last[1], "removed": noisy[1] - last[1], "error": last[1] - truth[1]}
for ax, (title, image) in zip(axes, shown.items(), strict=True):
    ax.imshow(image, cmap="gray")
    ax.set_title(title)
    ax.axis("off")

# %% [markdown]
# `report.html` beside the model shows all of it, with a text for a methods section:

# %%
print(output.report)

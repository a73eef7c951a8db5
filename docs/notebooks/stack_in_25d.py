# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A stack in 2.5D
#
# In 2.5D mode the network sees the slices above and below as well, and the kernel has three
# slices. It needs at least 20 of them. Here structure goes on from slice to slice, and so does
# some of the noise.

# %%
import matplotlib.pyplot as plt
import numpy as np

from autoStructN2V.datasets import make_sample
from autoStructN2V.pipeline import finish, pipeline_events, with_progress

sample = make_sample("stack", shape=(20, 64, 64))
short = {"num_epochs": 4, "stage1": {"features": 16}, "stage2": {"features": 16}}
results = {
    mode: finish(
        with_progress(pipeline_events(sample.noisy, {"preset": "fast", "mode": mode, **short}))
    )
    for mode in ("2D", "2.5D")
}

# %% [markdown]
# ## The kernel in three slices

# %%
print(results["2.5D"].kernel)
results["2.5D"].kernel.description.sentence

# %% [markdown]
# ## Beside 2D
#
# The same number of steps for both. Trained as briefly as here, 2.5D need not be better
# everywhere; with the presets as they are it is ([benchmarks](../benchmarks.md)).

# %%
z = 10
panels = {"noisy": sample.noisy, "truth": sample.clean}
panels |= {mode: result.last_stage.denoised[0] for mode, result in results.items()}
low, high = np.percentile(sample.clean[z], [0.5, 99.5])
figure, axes = plt.subplots(1, 4, figsize=(13, 3.6))
for ax, (title, stack) in zip(axes, panels.items(), strict=True):
    error = np.sqrt(np.mean((stack - sample.clean) ** 2))
    ax.imshow(stack[z], cmap="gray", vmin=low, vmax=high)
    ax.set_title(f"{title}, error {error:.3f}")
    ax.axis("off")

# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # The kernel and its evidence
#
# Which pixels share noise? The program measures it in the noisy images, and proposes a *kernel*:
# the pixels that stage 2 hides around each predicted one. Nothing is trained here, so this takes
# seconds.

# %%
import matplotlib.pyplot as plt

from autoStructN2V.datasets import ArraySource, make_sample
from autoStructN2V.masking import ExtractorConfig, Kernel
from autoStructN2V.pipeline import measure_evidence

kinds = ("random", "horizontal_lines", "vertical_stripes", "diagonal")
noisy = {kind: make_sample(kind, shape=(4, 128, 128)).noisy for kind in kinds}
settings = ExtractorConfig()
proposals = {}
for kind, images in noisy.items():
    evidence = measure_evidence([ArraySource(images)], settings, "2D")
    proposals[kind] = evidence.propose(settings)

# %% [markdown]
# ## Evidence
#
# The autocorrelation of the noise: how much a pixel and its neighbor at each offset have in
# common, in places with little structure, the share of the signal taken out. Red outlines are the
# kernel.

# %%
figure, axes = plt.subplots(1, 4, figsize=(13, 3.4))
for ax, (kind, proposal) in zip(axes, proposals.items(), strict=True):
    values = proposal.autocorrelation.values[0]
    y, x = (n // 2 for n in values.shape)
    reach = 8
    shown = values[y - reach : y + reach + 1, x - reach : x + reach + 1]
    extent = (-reach - 0.5, reach + 0.5, reach + 0.5, -reach - 0.5)
    ax.imshow(shown, cmap="gray", vmin=0, vmax=0.6, extent=extent)
    for _, dy, dx in proposal.kernel.offsets:
        ax.add_patch(plt.Rectangle((dx - 0.5, dy - 0.5), 1, 1, fill=False, edgecolor="red"))
    ax.set_title(kind.replace("_", " "))

# %%
for kind, proposal in proposals.items():
    print(f"{kind}: {proposal.statistics.sentence}. {proposal.advice.message}")

# %% [markdown]
# ## Parameters of the extraction
#
# Fewer or more pixels: `base_percentile` and `percentile_decay` are thresholds on rings around
# the center, `max_true_pixels` is a limit. The measurement is kept, only the proposal is made
# anew.

# %%
evidence = measure_evidence([ArraySource(noisy["horizontal_lines"])], settings, "2D")
for most in (5, 9, 25):
    print(evidence.propose(ExtractorConfig(max_true_pixels=most)).kernel, end="\n\n")

# %% [markdown]
# ## A kernel of your own
#
# A kernel is a value: any shape with odd sides, the center is always hidden. Saved as `.npy` it
# serves as `stage2.mask_file_path` with `mask_source="file"`, or `--mask` on the command line.

# %%
drawn = Kernel.from_array([[1, 0, 1, 0, 1]])
print(drawn)
drawn.description.sentence

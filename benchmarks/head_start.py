"""Train the weights that others begin with, on images that were drawn and on nothing else.

The network is that of the presets. It sees the images as in a training of the program: half of the
patches with hidden pixels, by kernels that fit their noise, the others as they are. The truth is
known, so all pixels are compared with it. The rate of learning is constant, and falls to zero in
the last part.

``--state`` keeps what is needed to go on, so that a pretraining can be interrupted and, before the
rate falls, made longer or shorter.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from autoStructN2V.masking.placement import KernelPlacer
from autoStructN2V.masking.replacement import LOCAL_MEAN, fill_radius, replace_hidden
from autoStructN2V.models.head_start import HEAD_START
from autoStructN2V.symmetry import SYMMETRIES
from autoStructN2V.trainers.config import OptimizationConfig
from autoStructN2V.trainers.stepping.optimizer import optimizers_of
from autoStructN2V.trainers.trainer import build_network
from drawn_images import NoiseKind, clean_image, noisy_and_clean

_PATCH, _N_GROUPS, _IN_GROUP = 64, 4, 2
_NOISE_SIDE = 96  # px: drawn noise is periodic, so a border wider than all lags is cut off
_WHITE_SHARE, _PERCENT_HIDDEN = 0.4, 15.0
_RATE, _RATE_OF_OTHERS, _FALL, _WARM_UP = 4e-3, 2e-3, 0.35, 100
_AVERAGED = 0.998
_SAVE_EVERY = 250


@dataclass(frozen=True)
class Drawn:
    """Clean images (N, side, side) and kinds of noise with what hides them."""

    clean: torch.Tensor
    noises: list[NoiseKind]
    placers: list[KernelPlacer]

    @classmethod
    def of_seed(cls, seed: int, n_images: int, n_noises: int) -> Drawn:
        """Draw all images and kinds of noise; the same for each seed."""
        random = np.random.default_rng(seed)
        clean = np.stack([clean_image(random).astype(np.float32) for _ in range(n_images)])
        noises = [NoiseKind.white(_NOISE_SIDE)]
        noises += [NoiseKind.drawn(random, _NOISE_SIDE) for _ in range(n_noises)]
        cpu = torch.device("cpu")
        placers = [KernelPlacer(n.kernel, _PATCH, _PERCENT_HIDDEN, cpu) for n in noises]
        return cls(torch.from_numpy(clean), noises, placers)

    def batch(self, step: int, seed: int) -> tuple[torch.Tensor, ...]:
        """Return what the network sees, what it should say, and the weight of each patch.

        (B, 1, P, P) twice and (B, 1, 1, 1); the same for each step of a seed.
        """
        random = np.random.default_rng([seed, step])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        groups = [self._group(random, generator) for _ in range(_N_GROUPS)]
        seen, clean, std = (torch.cat(parts) for parts in zip(*groups, strict=True))
        weight = 1 / std
        return seen.contiguous(memory_format=torch.channels_last), clean, weight / weight.mean()

    def _group(
        self, random: np.random.Generator, generator: torch.Generator
    ) -> tuple[torch.Tensor, ...]:
        """Return patches with one kind of noise; pixels of the first half of them are hidden."""
        is_white = random.random() < _WHITE_SHARE
        k = 0 if is_white else int(random.integers(1, len(self.noises)))
        parts = torch.stack([self._cut(random) for _ in range(_IN_GROUP)])[:, None]
        noisy, clean, std = noisy_and_clean(parts, self.noises[k], generator)
        half = _IN_GROUP // 2
        hidden = self.placers[k](half, generator).hidden
        radius = fill_radius(self.noises[k].kernel)
        masked = replace_hidden(noisy[:half], hidden, LOCAL_MEAN, radius, generator)
        return torch.cat([masked, noisy[half:]]), clean, std

    def _cut(self, random: np.random.Generator) -> torch.Tensor:
        """Cut a patch at a random place of a random image, turned and flipped."""
        image = self.clean[int(random.integers(len(self.clean)))]
        y, x = random.integers(image.shape[-1] - _PATCH + 1, size=2)
        turned = SYMMETRIES[int(random.integers(len(SYMMETRIES)))](
            image[y : y + _PATCH, x : x + _PATCH].numpy()
        )
        return torch.from_numpy(np.ascontiguousarray(turned))


class Pretraining:
    """The network, its optimizers and the averaged weights."""

    def __init__(self, seed: int, *, is_half: bool = False) -> None:
        self.is_half = is_half
        self.network = build_network(HEAD_START, 1, seed).placed_on(torch.device("cpu"))
        how = OptimizationConfig(optimizer="muon", learning_rate=_RATE)
        adam, muon = optimizers_of(self.network, how)
        self.optimizers = {"muon": muon, "adam": adam}
        self.averaged = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.step = 0

    def advance(self, drawn: Drawn, seed: int, share_of_rate: float) -> float:
        """Make one step at a share of the highest rates; return its weighted squared error."""
        seen, clean, weight = drawn.batch(self.step, seed)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_half):
            prediction = self.network(seen)
        loss = (weight * (prediction.float() - clean).square()).mean()
        for optimizer, rate in zip(self.optimizers.values(), (_RATE, _RATE_OF_OTHERS), strict=True):
            optimizer.param_groups[0]["lr"] = rate * share_of_rate
            optimizer.zero_grad()
        loss.backward()
        for optimizer in self.optimizers.values():
            optimizer.step()
        # at first the average spans less, so that it forgets the random weights
        decay = min(_AVERAGED, (1 + self.step) / (10 + self.step))
        for name, value in self.network.state_dict().items():
            self.averaged[name].lerp_(value, 1 - decay)
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged,
            "optimizers": {name: o.state_dict() for name, o in self.optimizers.items()},
            "step": self.step,
        }
        unfinished = path.with_suffix(".part")
        torch.save(state, unfinished)
        unfinished.replace(path)

    def export(self, path: Path) -> None:
        """Write the averaged weights as the package has them, with 16 bits."""
        np.savez(path, **{name: w.numpy().astype(np.float16) for name, w in self.averaged.items()})

    def load(self, path: Path) -> None:
        """Go on from what :meth:`save` wrote."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.averaged = state["averaged"]
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.step = state["step"]


def share_of_rate(step: int, n_steps: int) -> float:
    """Rise, stay, fall."""
    return min(1.0, (step + 1) / _WARM_UP, (n_steps - step) / (_FALL * n_steps))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--steps", type=int, default=20000)
    add("--seed", type=int, default=0)
    add("--images", type=int, default=3000, help="that are drawn; default 3000")
    add("--noises", type=int, default=200, help="kinds of noise; default 200")
    add("--state", type=Path, required=True, help="folder of the states")
    add("--half", action="store_true", help="bfloat16, twice as fast where processors know it")
    add("--export", type=Path, metavar="FILE", help="write the weights as the package has them")
    add("--from-step", type=int, help="go on from the state of this step")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    torch.set_num_threads(1)
    arguments.state.mkdir(parents=True, exist_ok=True)
    start = time.process_time()
    drawn = Drawn.of_seed(arguments.seed, arguments.images, arguments.noises)
    print(f"drawn in {time.process_time() - start:.0f} s", flush=True)
    training = Pretraining(arguments.seed, is_half=arguments.half)
    if arguments.from_step:
        training.load(arguments.state / f"{arguments.from_step:06d}.pt")
    losses = []
    while training.step < arguments.steps:
        rate = share_of_rate(training.step, arguments.steps)
        losses.append(training.advance(drawn, arguments.seed, rate))
        if training.step % _SAVE_EVERY == 0 or training.step == arguments.steps:
            training.save(arguments.state / f"{training.step:06d}.pt")
            seconds = time.process_time() - start
            print(f"{training.step} {np.mean(losses):.4f} {seconds:.0f} s", flush=True)
            losses = []
    if arguments.export is not None:
        training.export(arguments.export)


if __name__ == "__main__":
    main()

"""Pretrain a network of the preset fast on images that were drawn, and nothing else.

Half of each batch has blind spots, of kernels that fit the noise, as in a training of the program;
the other half is seen as it is. The truth is known, so all pixels are compared with it. The rate
of learning is constant, and falls in the last fifth. ``--state`` keeps what is needed to go on,
so that a training can be interrupted and, before it falls, made longer.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from autoStructN2V.masking.placement import KernelPlacer
from autoStructN2V.masking.replacement import fill_radius, replace_hidden
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.trainers.optimizer import Muon
from autoStructN2V.trainers.trainer import build_network
from drawn_images import NoiseKind, add_noise, clean_image

_PATCH, _BATCH = 64, 8
_N_IMAGES, _N_NOISES = 1000, 60
_WHITE_SHARE = 0.4
_PERCENT_HIDDEN = 15.0
_RATE, _RATE_OF_OTHERS, _FALL, _WARM_UP = 4e-3, 2e-3, 0.2, 100
_AVERAGED = 0.995
_SAVE_EVERY = 250


@dataclass(frozen=True)
class Drawn:
    """Clean images (N, 1, side, side) and kinds of noise with what hides them."""

    clean: torch.Tensor
    noises: list[NoiseKind]
    placers: list[KernelPlacer]

    @classmethod
    def of_seed(cls, seed: int) -> Drawn:
        """Draw all images and kinds of noise; the same for each seed."""
        random = np.random.default_rng(seed)
        clean = np.stack([clean_image(random) for _ in range(_N_IMAGES)]).astype(np.float32)
        side, cpu = clean.shape[-1], torch.device("cpu")
        noises = [NoiseKind.white(side)] + [NoiseKind.drawn(random, side) for _ in range(_N_NOISES)]
        placers = [KernelPlacer(n.kernel, _PATCH, _PERCENT_HIDDEN, cpu) for n in noises]
        return cls(torch.from_numpy(clean)[:, None], noises, placers)

    def batch(self, step: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the network sees and should say, (B, 1, P, P); the same for each step."""
        random = np.random.default_rng([seed, step])
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        k = 0 if random.random() < _WHITE_SHARE else int(random.integers(1, len(self.noises)))
        chosen = torch.from_numpy(random.integers(len(self.clean), size=_BATCH))
        noisy, clean = add_noise(self.clean[chosen], self.noises[k], generator)
        y, x = random.integers(self.clean.shape[-1] - _PATCH + 1, size=2)
        noisy, clean = (t[..., y : y + _PATCH, x : x + _PATCH] for t in (noisy, clean))
        if k == 0 and random.random() < 0.5:
            noisy, clean = noisy.transpose(2, 3), clean.transpose(2, 3)
        half = _BATCH // 2
        hidden = self.placers[k](half, generator).hidden
        radius = fill_radius(self.noises[k].kernel)
        masked = replace_hidden(noisy[:half], hidden, 0, radius, generator)
        return torch.cat([masked, noisy[half:]]).contiguous(), clean.contiguous()


class Pretraining:
    """The network, its optimizers and the averaged weights."""

    def __init__(self, seed: int) -> None:
        self.network = build_network(NetworkConfig(features=32, num_layers=2), 1, seed)
        self.network = self.network.placed_on(torch.device("cpu"))
        weights = list(self.network.parameters())
        turned = [w for w in weights if w.ndim == 4 and min(w.shape[:2]) >= 4]
        others = [w for w in weights if all(w is not t for t in turned)]
        self.muon = Muon(turned, _RATE)
        self.adam = torch.optim.Adam(others, _RATE_OF_OTHERS, betas=(0.9, 0.99))
        self.averaged = {k: v.clone() for k, v in self.network.state_dict().items()}
        self.step = 0

    def advance(self, drawn: Drawn, seed: int, share_of_rate: float) -> float:
        """Make one step at a share of the highest rates; return its mean squared error."""
        seen, clean = drawn.batch(self.step, seed)
        loss = (self.network(seen) - clean).square().mean()
        for optimizer, rate in ((self.muon, _RATE), (self.adam, _RATE_OF_OTHERS)):
            optimizer.param_groups[0]["lr"] = rate * share_of_rate
            optimizer.zero_grad()
        loss.backward()
        self.muon.step()
        self.adam.step()
        for name, value in self.network.state_dict().items():
            self.averaged[name].lerp_(value, 1 - _AVERAGED)
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Write all that is needed to go on."""
        state = {
            "network": self.network.state_dict(),
            "averaged": self.averaged,
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "step": self.step,
        }
        torch.save(state, path)

    def load(self, path: Path) -> None:
        """Go on from what :meth:`save` wrote."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.averaged = state["averaged"]
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.step = state["step"]


def share_of_rate(step: int, n_steps: int) -> float:
    """Rise, stay, fall."""
    return min(1.0, (step + 1) / _WARM_UP, (n_steps - step) / (_FALL * n_steps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path, required=True, help="folder of the states")
    parser.add_argument("--from-step", type=int, help="go on from the state of this step")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.state.mkdir(parents=True, exist_ok=True)
    start = time.process_time()
    drawn = Drawn.of_seed(arguments.seed)
    print(f"drawn in {time.process_time() - start:.0f} s", flush=True)
    training = Pretraining(arguments.seed)
    if arguments.from_step:
        training.load(arguments.state / f"{arguments.from_step:06d}.pt")
    losses = []
    while training.step < arguments.steps:
        rate = share_of_rate(training.step, arguments.steps)
        losses.append(training.advance(drawn, arguments.seed, rate))
        if training.step % _SAVE_EVERY == 0 or training.step == arguments.steps:
            is_last = training.step == arguments.steps
            training.save(arguments.state / ("last.pt" if is_last else f"{training.step:06d}.pt"))
            seconds = time.process_time() - start
            print(f"{training.step} {np.mean(losses):.4f} {seconds:.0f} s", flush=True)
            losses = []


if __name__ == "__main__":
    main()

"""Train the weights that others begin with, on images that were drawn and on nothing else.

The network is that of the presets. It sees the images as in a training of the program: half of the
patches with hidden pixels, by kernels that fit their noise, the others as they are. The truth is
known, so all pixels are compared with it. The rate of learning is constant, and falls to zero in
the last part. It is made for a GPU, on which a step is recorded; a processor takes days for as many
steps. The weights are written now and then, but are worth much less before the rate has fallen.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import get_ema_multi_avg_fn

from autoStructN2V.datasets.patches import PatchBank
from autoStructN2V.masking.placement import KernelPlacer
from autoStructN2V.masking.replacement import LOCAL_MEAN, fill_radius, replace_hidden
from autoStructN2V.models.head_start import HEAD_START
from autoStructN2V.symmetry import SYMMETRIES
from autoStructN2V.threads import usable_threads
from autoStructN2V.trainers.config import OptimizationConfig
from autoStructN2V.trainers.stepping.optimizer import optimizers_of
from autoStructN2V.trainers.stepping.recorded import StepRecorder
from autoStructN2V.trainers.trainer import build_network
from drawn_images import NoiseKind, clean_image, noisy_and_clean, shaped

_PATCH = 64
_NOISE_SIDE = 96  # px: drawn noise is periodic, so a border wider than all lags is cut off
_N_PLACEMENTS = 64  # of each kernel, drawn beforehand
_WHITE_SHARE, _PERCENT_HIDDEN = 0.4, 15.0
_RATE, _RATE_OF_OTHERS, _FALL, _WARM_UP = 4e-3, 2e-3, 0.35, 100
_AVERAGED = 0.998
_SAVE_EVERY = 2500
_N_TIMED = 200  # steps, for --seconds
_MOST_RADIUS = 5  # px: no kernel of 50 pixels needs a larger one


@dataclass(frozen=True)
class Drawn:
    """Clean images, kinds of noise, and what hides each; white noise is the first kind.

    Attributes
    ----------
    bank : PatchBank
        Clean images.
    n_corners : int
        Rows, and columns, that a patch may start at.
    shaping : Tensor, (K, side, side // 2 + 1)
        Of each kind of noise.
    hidden : Tensor, (K, :data:`_N_PLACEMENTS`, P, P) bool
        Hidden pixels of patches.
    radii : Tensor, (K,) int64
        Half sides of the windows that fill them.
    """

    bank: PatchBank
    n_corners: int
    shaping: torch.Tensor
    hidden: torch.Tensor
    radii: torch.Tensor

    @classmethod
    def of_seed(cls, seed: int, n_images: int, n_noises: int, device: torch.device) -> Drawn:
        """Draw all images and kinds of noise; the same for each seed."""
        with ProcessPoolExecutor(usable_threads()) as processes:
            images = list(processes.map(partial(_image, seed), range(n_images), chunksize=32))
            kinds = list(processes.map(partial(_kind, seed), range(n_noises + 1), chunksize=8))
        side = images[0].shape[0]
        pixels = torch.from_numpy(np.stack(images)).flatten().to(device)
        bank = PatchBank(pixels, [(side, side)] * n_images, torch.arange(n_images)[:, None], [])
        shaping, hidden, radii = (
            torch.from_numpy(np.stack(part)) for part in zip(*kinds, strict=True)
        )
        on_device = shaping.to(device), hidden.to(device), radii.to(device)
        return cls(bank, side - _PATCH + 1, *on_device)

    def batch(self, n: int, generator: torch.Generator) -> tuple[torch.Tensor, ...]:
        """Return what the network sees, what it should say, and the weight of each patch.

        (B, 1, P, P) twice and (B, 1, 1, 1); pixels of the first half of the patches are hidden.
        """
        clean = self._cut(n, generator)
        kind = self._kinds(n, generator)
        noise = shaped(self.shaping[kind], _PATCH, generator)
        is_white = (kind == 0)[:, None, None, None]
        noisy, clean, std = noisy_and_clean(clean, noise, is_white, generator)
        half = n // 2
        seen = torch.cat([self._masked(noisy[:half], kind[:half], generator), noisy[half:]])
        weight = 1 / std
        return seen.contiguous(memory_format=torch.channels_last), clean, weight / weight.mean()

    def _cut(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Cut patches (B, 1, P, P) at random places of random images, turned and flipped."""
        device = self.bank.device

        def integers(end: int) -> torch.Tensor:
            return torch.randint(end, (n,), generator=generator, device=device)

        image = integers(len(self.bank.pixels) // (self.n_corners + _PATCH - 1) ** 2)
        corners = torch.stack([image, integers(self.n_corners), integers(self.n_corners)], 1)
        return self.bank.cut(corners, _PATCH, integers(len(SYMMETRIES)))

    def _kinds(self, n: int, generator: torch.Generator) -> torch.Tensor:
        """Draw a kind of noise for each of B patches."""
        device = self.shaping.device
        shared = torch.randint(1, len(self.shaping), (n,), generator=generator, device=device)
        is_white = torch.rand((n,), generator=generator, device=device) < _WHITE_SHARE
        return torch.where(is_white, 0, shared)

    def _masked(
        self, noisy: torch.Tensor, kind: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """Replace pixels of patches (B, 1, P, P), hidden by the kernels of their kinds of noise."""
        shape = (len(noisy),)
        place = torch.randint(_N_PLACEMENTS, shape, generator=generator, device=noisy.device)
        hidden = self.hidden[kind, place][:, None]
        radii = self.radii[kind][:, None, None, None]
        masked = noisy
        for radius in range(1, _MOST_RADIUS + 1):
            filled = replace_hidden(noisy, hidden, LOCAL_MEAN, radius, generator)
            masked = torch.where(radii == radius, filled, masked)
        return masked


def _image(seed: int, number: int) -> np.ndarray:
    return clean_image(np.random.default_rng([seed, 0, number])).astype(np.float32)


def _kind(seed: int, number: int) -> tuple[np.ndarray, np.ndarray, np.int64]:
    """Draw a kind of noise; return its shaping, what it hides, and the radius that fills that."""
    torch.set_num_threads(1)
    random = np.random.default_rng([seed, 1, number])
    kind = NoiseKind.white(_NOISE_SIDE) if number == 0 else NoiseKind.drawn(random, _NOISE_SIDE)
    radius = fill_radius(kind.kernel)
    if radius > _MOST_RADIUS:
        raise ValueError(f"A kernel needs a radius of {radius} px.")
    placer = KernelPlacer(kind.kernel, _PATCH, _PERCENT_HIDDEN, torch.device("cpu"))
    generator = torch.Generator().manual_seed(int(random.integers(2**62)))
    hidden = placer(_N_PLACEMENTS, generator).hidden[:, 0]
    return kind.shaping.numpy(), hidden.numpy(), np.int64(radius)


class Pretraining:
    """The network, its optimizers and the averaged weights.

    Parameters
    ----------
    seed : int
        Of the random weights and of all batches.
    n_steps : int
        Of the whole pretraining.
    batch_size : int
        Patches in a step, even.
    device : torch.device
        Where it is trained.
    is_half : bool
        Whether convolutions use 16 bits (bfloat16).
    """

    def __init__(
        self, seed: int, n_steps: int, batch_size: int, device: torch.device, *, is_half: bool
    ) -> None:
        self.n_steps = n_steps
        self.batch_size = batch_size
        self.is_half = is_half
        self.network = build_network(HEAD_START, 1, seed).placed_on(device)
        how = OptimizationConfig(optimizer="muon", learning_rate=_RATE)
        adam, muon = optimizers_of(self.network, how)
        self.optimizers = {"muon": muon, "adam": adam}
        rate_of_others = _RATE_OF_OTHERS / _RATE
        self.rates = [
            LambdaLR(muon, self._share_of_rate),
            LambdaLR(adam, lambda step: rate_of_others * self._share_of_rate(step)),
        ]
        self.weights = list(self.network.parameters())
        self.averaged = [weight.detach().clone() for weight in self.weights]
        self._average = get_ema_multi_avg_fn(_AVERAGED)  # type: ignore[no-untyped-call]
        self._generator = torch.Generator(device).manual_seed(seed)
        self._recorder = StepRecorder(self._generator) if device.type == "cuda" else None

    @property
    def step(self) -> int:
        """Steps that were made."""
        return self.rates[0].last_epoch

    def _share_of_rate(self, step: int) -> float:
        """Rise, stay, fall."""
        left = (self.n_steps - step) / (_FALL * self.n_steps)
        return max(0.0, min(1.0, (step + 1) / _WARM_UP, left))

    def advance(self, drawn: Drawn) -> torch.Tensor:
        """Make one step; return its weighted squared error."""
        loss = self._updated(drawn)
        for rate in self.rates:
            rate.step()
        return loss

    def _updated(self, drawn: Drawn) -> torch.Tensor:
        if self._recorder is None:
            return self._update(drawn)
        loss = self._recorder.make("pretraining", lambda: self._update(drawn))
        assert loss is not None
        return loss

    def _update(self, drawn: Drawn) -> torch.Tensor:
        seen, clean, weight = drawn.batch(self.batch_size, self._generator)
        with torch.autocast(seen.device.type, torch.bfloat16, enabled=self.is_half):
            prediction = self.network(seen)
        loss = (weight * (prediction.float() - clean).square()).mean()
        gradients = torch.autograd.grad(loss, self.weights)
        for parameter, gradient in zip(self.weights, gradients, strict=True):
            parameter.grad = gradient
        for optimizer in self.optimizers.values():
            optimizer.step()
        self._average(self.averaged, self.weights, 0)
        error: torch.Tensor = loss.detach()
        return error

    def export(self, path: Path) -> None:
        """Write the averaged weights as the package has them, with 16 bits."""
        names = [name for name, _ in self.network.named_parameters()]
        weights = [weight.cpu().numpy().astype(np.float16) for weight in self.averaged]
        np.savez(path, allow_pickle=False, **dict(zip(names, weights, strict=True)))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--steps", type=int, default=30_000, help="default 30000")
    add("--seconds", type=float, help="as many steps as fit, instead of --steps")
    add("--batch", type=int, default=64, help="patches in a step; default 64")
    add("--seed", type=int, default=0)
    add("--images", type=int, default=12_000, help="that are drawn; default 12000")
    add("--noises", type=int, default=400, help="kinds of noise; default 400")
    add("--device", choices=["cuda", "cpu"], default="cuda")
    add("--full", action="store_true", help="convolve with 32 bits, not with bfloat16")
    add("--export", type=Path, required=True, metavar="FILE", help="as the package has the weights")
    return parser.parse_args()


def pretraining_of(arguments: argparse.Namespace, n_steps: int) -> Pretraining:
    device = torch.device(arguments.device)
    return Pretraining(arguments.seed, n_steps, arguments.batch, device, is_half=not arguments.full)


def steps_within(arguments: argparse.Namespace, drawn: Drawn) -> int:
    """Return how many steps take so many seconds, from a trial."""
    trial = pretraining_of(arguments, _N_TIMED)
    for _ in range(_N_TIMED // 2):
        float(trial.advance(drawn))
    start = time.perf_counter()
    for _ in range(_N_TIMED // 2):
        float(trial.advance(drawn))
    seconds = (time.perf_counter() - start) / (_N_TIMED // 2)
    print(f"{1e3 * seconds:.1f} ms a step", flush=True)
    return int(arguments.seconds / seconds)


def main() -> None:
    arguments = read_arguments()
    start = time.perf_counter()
    numbers = arguments.seed, arguments.images, arguments.noises
    drawn = Drawn.of_seed(*numbers, torch.device(arguments.device))
    print(f"drawn in {time.perf_counter() - start:.0f} s", flush=True)
    n_steps = steps_within(arguments, drawn) if arguments.seconds else arguments.steps
    training = pretraining_of(arguments, n_steps)
    print(f"{n_steps} steps", flush=True)
    loss = torch.zeros((), device=arguments.device)
    while training.step < n_steps:
        loss += training.advance(drawn)
        if training.step % _SAVE_EVERY == 0 or training.step == n_steps:
            training.export(arguments.export)
            n_summed = training.step - (training.step - 1) // _SAVE_EVERY * _SAVE_EVERY
            seconds = time.perf_counter() - start
            print(f"{training.step} {float(loss) / n_summed:.4f} {seconds:.0f} s", flush=True)
            loss.zero_()


if __name__ == "__main__":
    main()

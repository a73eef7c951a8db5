"""A series that bleaches, with and without being brought to an even brightness.

Makes series of frames whose brightness falls steadily (shot noise, and read noise that neighbors in
a row share), trains on each, and compares the squared error of the darkest frames with that of
the same frames of a series that is as dark throughout: 1 is as good as that.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.samples.synthetic import colored_noise, make_sample
from autoStructN2V.pipeline import finish, pipeline_events
from autoStructN2V.trainers import Judged, Warned
from settings import add_settings_arguments, chosen_fields
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Stack = NDArray[np.float32]

_COLUMNS = ["seed", "series", "even", "darkest", "RMSE / dark series", "all", "verdict", "said"]
_OFFSET = 20.0  # of the camera, in grey levels
_READ_NOISE = 1.5  # standard deviation, in grey levels, shared along rows


def make_series(
    seed: int, arguments: argparse.Namespace, brightness: NDArray[np.float64]
) -> tuple[Stack, Stack]:
    """Return noisy and clean frames (z, y, x) of the brightness (z,) relative to the first."""
    shape = tuple(arguments.shape)
    clean = make_sample("stack", seed, shape).clean.astype(np.float64)
    clean = clean / clean.mean() * arguments.photons * brightness[:, None, None]
    rng = np.random.default_rng([seed, 77])
    weights = np.ones((1, 1, 5))
    noisy = rng.poisson(clean) + colored_noise(rng, shape, weights, _READ_NOISE) + _OFFSET
    return noisy.astype(np.float32), (clean + _OFFSET).astype(np.float32)


def train(noisy: Stack, arguments: argparse.Namespace, seed: int, *, even: bool) -> dict[str, Any]:
    """Return the result of a training, what was said, and the verdict."""
    fields = chosen_fields(arguments, random_seed=42 + seed, match_intensities=even)
    events: list[Any] = []
    result = finish(pipeline_events(noisy, fields), events.append)
    verdicts = [event.verdict for event in events if isinstance(event, Judged)]
    last = result.last_stage
    assert last is not None and last.denoised is not None  # nothing stops it
    return {
        "denoised": last.denoised[0],
        "said": [event.message for event in events if isinstance(event, Warned)],
        "gain": verdicts[-1].gain_db if verdicts else None,
    }


def rmse(image: Stack, clean: Stack, n_last: int) -> float:
    """Return the root of the mean squared error of the last frames."""
    error = image[-n_last:].astype(np.float64) - clean[-n_last:]
    return float(np.sqrt(np.square(error).mean()))


def compare(seed: int, arguments: argparse.Namespace, table: Table) -> None:
    """Train on a series that is dark throughout, and on one that bleaches, both ways."""
    n = arguments.shape[0]
    falling = np.geomspace(1.0, arguments.fall, n)
    n_last = max(1, n // 2)
    noisy, truth = make_series(seed, arguments, falling)
    dark, dark_truth = make_series(seed, arguments, np.full(n, falling[-n_last:].mean()))
    dark[-n_last:], dark_truth[-n_last:] = noisy[-n_last:], truth[-n_last:]
    reference = 0.0
    for series, even in (("dark", False), ("falling", False), ("falling", True)):
        images, true = (dark, dark_truth) if series == "dark" else (noisy, truth)
        found = train(images, arguments, seed, even=even)
        error = rmse(found["denoised"], true, n_last)
        reference = reference or error
        row = {
            "seed": seed,
            "series": series,
            "even": even,
            "rmse": error,
            "ratio": error / reference,
            "rmse_all": rmse(found["denoised"], true, n),
            "gain_db": found["gain"],
            "said": found["said"],
        }
        said = sum("fade" in s or "bleach" in s for s in found["said"])
        gain = "-" if found["gain"] is None else f"{found['gain']:+.2f}"
        cells = [f"{error:.3f}", f"{row['ratio']:.3f}", f"{row['rmse_all']:.3f}", gain]
        table.add([str(seed), series, str(even), *cells, str(said)], row)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--seeds", type=int, nargs="+", default=[0], metavar="N", help="default 0")
    add("--shape", type=int, nargs=3, default=[6, 128, 128], metavar="N", help="z y x")
    add("--photons", type=float, default=30.0, help="mean of the first frame; default 30")
    add("--fall", type=float, default=1 / 3, help="brightness of the last frame; default 1/3")
    add_settings_arguments(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    for seed in arguments.seeds:
        compare(seed, arguments, table)
    settings = {"preset": arguments.preset, "set": arguments.set, "shape": arguments.shape}
    write_report(arguments.json, {"machine": machine(), "settings": settings, "runs": table.rows})


if __name__ == "__main__":
    main()

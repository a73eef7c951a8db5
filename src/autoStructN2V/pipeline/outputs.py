"""Names of the files that denoised images are written to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from autoStructN2V.datasets.sources import ImageSource


def output_files(sources: Sequence[ImageSource], source: Path, output: Path) -> list[Path]:
    """Name one file for each source, never one of the inputs.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images to be denoised.
    source : Path
        File or folder that they were read from.
    output : Path
        A .tif file for a single image, else a folder.

    Raises
    ------
    ConfigError
        If an input would be overwritten, or two results would have the same name.
    """
    if output.suffix.casefold() in (".tif", ".tiff"):
        if len(sources) > 1:
            raise ConfigError(
                f"The output {output} is one file but there are {len(sources)} images; name a "
                "folder."
            )
        files = [output]
    else:
        files = [output / f"{image.name}_denoised.tif" for image in sources]
    inputs = {image.metadata.path.resolve() for image in sources if image.metadata.path}
    inputs.add(source.resolve())
    if source.is_dir():
        inputs |= {file.resolve() for file in source.iterdir()}
    for file in files:
        if file.resolve() in inputs:
            raise ConfigError(f"The output {file} is an input image; name another file.")
    if len(set(files)) < len(files):
        raise ConfigError("Two input images have the same name; denoise them one by one.")
    return files

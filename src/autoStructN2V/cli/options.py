"""What the options of the commands are called, and their help: said once, whoever has them."""

from pathlib import Path
from typing import Annotated

import typer

from autoStructN2V.vocabulary import (
    Channels,
    DeviceName,
    Method,
    Mode,
    OutputDtype,
    PresetName,
    StripeRemoval,
    TripletsAlong,
)

Input = Annotated[
    Path,
    typer.Argument(
        metavar="INPUT", help="An image (TIFF, OME-Zarr, MRC, HDF5, ...) or a folder of them."
    ),
]
ResultFolder = Annotated[Path, typer.Option(help="Folder for results and models.")]
ResultPlace = Annotated[
    Path, typer.Option(help="A file (.tif, .ome.zarr, .mrc) for one image, else a folder.")
]
KernelFile = Annotated[Path, typer.Option(help="Kernel file to write, .npy.")]
DemoFolder = Annotated[Path, typer.Option(help="Folder for everything the demo writes.")]

MethodOption = Annotated[
    Method | None, typer.Option(help="n2v: random noise only; autostructn2v: both kinds.")
]
ModeOption = Annotated[Mode | None, typer.Option(help="2.5D also sees the slices next to it.")]
TripletsAlongOption = Annotated[
    TripletsAlong | None,
    typer.Option(help="What 2.5D sees next to a slice: z, slices of a stack; time, frames."),
]
Preset = Annotated[
    PresetName | None,
    typer.Option(
        help="fast takes a minute or two; balanced, the default, four times as long, high_quality "
        "eight times; documented up to hours on a CPU."
    ),
]
ConfigFile = Annotated[Path | None, typer.Option(help="Configuration as a .json file.")]
Mask = Annotated[Path | None, typer.Option(help="Kernel (.npy) to use in stage 2.")]
SkipStage1 = Annotated[
    bool, typer.Option("--skip-stage1", help="Train stage 2 only, with --mask or directly.")
]
SkipStage2 = Annotated[bool, typer.Option("--skip-stage2", help="Train stage 1 only.")]
Stage1Model = Annotated[
    Path | None, typer.Option(help="Model of an earlier training to use as stage 1.")
]
Continue = Annotated[
    Path | None,
    typer.Option("--continue", help="Model to train for more epochs, on the images of then."),
]
FineTune = Annotated[
    Path | None,
    typer.Option("--fine-tune", help="Model to adapt to these images by a short training."),
]
NewKernel = Annotated[
    bool, typer.Option("--new-kernel", help="Go on from a model, with a kernel of these images.")
]
Device = Annotated[DeviceName | None, typer.Option(help="auto takes a GPU when there is one.")]
Threads = Annotated[
    int,
    typer.Option(
        min=0, max=1024, help="Processor cores; 0: all, less one where there are more than two."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1, max=1024, help="Denoise by so many processes of this machine; result: .ome.zarr."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Denoise by the workers of a Dask cluster, as tcp://host:8786; result: .ome.zarr.",
    ),
]
Seed = Annotated[int | None, typer.Option(help="Random seed.")]

Axes = Annotated[
    str | None, typer.Option(help="Names of the file's axes when it does not say, as ZYX.")
]
Channel = Annotated[int | None, typer.Option(help="Channel of a multichannel file, from 0.")]
ChannelsOption = Annotated[
    Channels | None, typer.Option(help="each: one model for each channel, and results with all.")
]
Timepoint = Annotated[int | None, typer.Option(help="Timepoint of a series of stacks, from 0.")]
Dtype = Annotated[OutputDtype, typer.Option(help="float32, or the input's type, rounded.")]
DtypeIfOther = Annotated[
    OutputDtype | None, typer.Option(help="float32, or the input's type, rounded.")
]
Doubt = Annotated[
    bool, typer.Option("--doubt", help="Also write maps of where to doubt the results.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace results that exist.")]

Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with the training that was interrupted.")
]
KeepFinished = Annotated[
    bool, typer.Option("--resume", help="Keep results of this model that exist; make the others.")
]

Model = Annotated[
    Path, typer.Option(help="Model folder of a training, a .pth file, or a package (.zip).")
]
ShelfFolder = Annotated[
    Path | None,
    typer.Argument(
        metavar="FOLDER",
        help="Folder that trainings wrote to; default: the output folder of a configuration.",
    ),
]
ImagesToFit = Annotated[
    Path | None,
    typer.Option("--for", help="An image or a folder of them: what fits it best comes first."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the list as JSON.")]
ModelToExport = Annotated[
    Path, typer.Argument(metavar="MODEL", help="Model folder of a training, or a .pth file.")
]
OneModel = Annotated[
    Path,
    typer.Argument(metavar="MODEL", help="Model folder, or a folder that holds exactly one."),
]
DeletedModel = Annotated[Path, typer.Argument(metavar="MODEL", help="Where the model folder was.")]
ModelName = Annotated[
    str | None, typer.Option("--name", help="One line; empty: as its folders are called.")
]
ModelNote = Annotated[str | None, typer.Option("--note", help="Anything; empty removes it.")]
Package = Annotated[Path, typer.Option(help="Package to write, .zip.")]
PackageName = Annotated[
    str | None, typer.Option("--name", help="What the model is called; default: by its images.")
]
Authors = Annotated[
    list[str],
    typer.Option("--author", metavar="NAME", help="Who made the model; may be said several times."),
]
License = Annotated[
    str, typer.Option(help="What others may do with it: an SPDX identifier, as CC0-1.0.")
]
Description = Annotated[str, typer.Option(help="What the images show and how they were recorded.")]
Stage = Annotated[int | None, typer.Option(min=1, max=2, help="Stage to apply; default: the last.")]

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Any field, as stage2.batch_size=4."),
]
ExtractorSettings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Extractor field, as base_percentile=60."),
]
RemoveStripes = Annotated[
    StripeRemoval | None,
    typer.Option(help="Leave out stripes along rows or columns; auto looks for them."),
]
AlsoRemove = Annotated[
    str,
    typer.Option(
        metavar="PATTERNS",
        help="Leave these out too: rows, columns, or waves as PERIOD@ANGLE (8@90: 8 px along y).",
    ),
]
OpenViewer = Annotated[bool, typer.Option("--open/--no-open", help="Show the result in napari.")]
Verbose = Annotated[bool, typer.Option("--verbose", help="Report more, and errors in full.")]

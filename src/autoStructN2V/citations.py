"""What to cite: this software, and the methods that a result was made with."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """A publication or a program.

    Attributes
    ----------
    text : str
        Authors, title, place and year, as a list of references has them.
    doi : str
        Without the address of a resolver; empty if there is none.
    url : str
        Where it is found, if it has no DOI.
    """

    text: str
    doi: str = ""
    url: str = ""

    @property
    def address(self) -> str:
        """Where it is found."""
        return f"https://doi.org/{self.doi}" if self.doi else self.url


SOFTWARE = Citation(
    "The napari-autostructn2v developers: napari-autostructn2v, two-stage self-supervised "
    "denoising of random and structured noise in microscopy images.",
    url="https://github.com/napari-autostructn2v/napari-autostructn2v",
)
NOISE2VOID = Citation(
    "Krull, Buchholz, Jug: Noise2Void - Learning Denoising from Single Noisy Images. CVPR (2019).",
    "10.1109/CVPR.2019.00223",
)
STRUCTN2V = Citation(
    "Broaddus, Krull, Weigert, Schmidt, Myers: Removing Structured Noise with Self-Supervised "
    "Blind-Spot Networks. ISBI (2020).",
    "10.1109/ISBI45749.2020.9098336",
)
UNET = Citation(
    "Ronneberger, Fischer, Brox: U-Net - Convolutional Networks for Biomedical Image Segmentation. "
    "MICCAI (2015).",
    "10.1007/978-3-319-24574-4_28",
)
RECORRUPTED = Citation(
    "Pang, Zheng, Quan, Ji: Recorrupted-to-Recorrupted - Unsupervised Deep Learning for Image "
    "Denoising. CVPR (2021).",
    "10.1109/CVPR46437.2021.00208",
)
COUPLED_BOOTSTRAP = Citation(
    "Oliveira, Lei, Tibshirani: Unbiased risk estimation in the normal means problem via coupled "
    "bootstrap techniques. arXiv:2111.09447 (2021).",
    "10.48550/arXiv.2111.09447",
)

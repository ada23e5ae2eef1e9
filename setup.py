"""Packaging of the CornerNet toolkit; constraints.txt pins the versions it is tested with."""

from pathlib import Path

from setuptools import find_packages, setup

EXPORT = ["onnx>=1.18", "onnxscript>=0.5", "onnxruntime>=1.22"]
SUPERVISION = ["supervision>=0.26"]

setup(
    name="cornernet",
    version="0.1.0",
    description="Keypoint- and anchor-based object detectors in PyTorch, and a fair comparison of their losses",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.10",
    packages=find_packages(include=["cornernet", "cornernet.*"]),
    install_requires=[
        "torch>=2.9",
        "torchvision>=0.24",
        "opencv-python>=4.10",
        "pycocotools>=2.0.8",
        "numpy>=2.0",
        "scipy>=1.13",
        "tqdm>=4.66",
        "omegaconf>=2.4",
        "accelerate>=1.10",
        "tensorboard>=2.18",
        "matplotlib>=3.9",
    ],
    extras_require={
        "dev": ["pytest>=8", "pytest-xdist>=3.6", "hypothesis>=6.100", "ruff>=0.12", *EXPORT, *SUPERVISION],
        "export": EXPORT,
        "supervision": SUPERVISION,
        "fast-eval": ["faster-coco-eval>=1.6.7"],
    },
    classifiers=[
        "Programming Language :: Python :: 3",
        "License :: OSI Approved :: MIT License",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)

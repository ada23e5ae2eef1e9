"""The configs that come with the package, found by their name: `shapes` is configs/shapes.yaml."""

from pathlib import Path

from cornernet.registry import near

PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = (PACKAGE / "configs", PACKAGE.parent / "configs")  # of an installed package, of a checkout


def find(given: str | Path, folder: Path = Path()) -> Path:
    """Path of a config as seen from a folder, or name of a shipped one -> its path; a file goes before a name."""
    path = folder / given
    return _shipped() / f"{given}.yaml" if not path.is_file() and str(given) in (*names(), *comparisons()) else path


def names() -> list[str]:
    """Names of the shipped configs."""
    return sorted(path.stem for path in _shipped().glob("*.yaml"))


def comparisons() -> list[str]:
    """Names of the shipped comparisons, for compare_losses alone."""
    return sorted(f"comparisons/{path.stem}" for path in _shipped().glob("comparisons/*.yaml"))


def hint(path: Path) -> str:
    """What is said to someone whose config is not there: the name that was meant, and all that there are."""
    return f"{near(path.stem, names()) or ';'} shipped by name are {', '.join(names())}"


def _shipped() -> Path:
    return next((folder for folder in FOLDERS if folder.is_dir()), FOLDERS[0])

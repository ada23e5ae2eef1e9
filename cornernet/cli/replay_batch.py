"""`replay_batch`: run the batch at which a training gave up again."""

from typing import TYPE_CHECKING

from cornernet.cli.commandline import Command, say
from cornernet.system.printing import printable

if TYPE_CHECKING:
    from cornernet.training import Replay

USAGE = """tools/replay_batch.py RUN_FOLDER_OR_FILE [key=value ...]

Makes the batch of bad_batch.pt anew, runs it forward and backward with the weights that met it, and prints every loss
term and the parameters whose gradient is not finite, for example
  tools/replay_batch.py runs/shapes
  tools/replay_batch.py runs/shapes/bad_batch.pt train.precision=fp32"""
NAMED = 20  # parameters at most that are listed one by one


def main(path: str, overrides: list[str]) -> None:
    """Replay and print."""
    from cornernet.training.replay import replay

    say(text(replay(path, overrides)))


def text(found: "Replay") -> str:
    """Every term in the run and now, and what is not finite."""
    lines = [f"step {found.step}, in the run: {_terms(found.terms)}"]
    lines += [f"{name}: {_terms(terms)}" for name, terms in found.parts.items()]
    lines.append(_which("weights", found.weights, found.all_weights))
    return "\n".join([*lines, _which("gradients", found.gradients, found.all_gradients)])


def _terms(terms: dict[str, float]) -> str:
    return ", ".join(f"{printable(name)}={value:g}" for name, value in terms.items())


def _which(what: str, names: list[str], among: int) -> str:
    if not names:
        return f"{what}: all {among} are finite"
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{what}: {len(names)} of {among} are not finite: {', '.join(names[:NAMED])}{more}"


COMMAND = Command(main, USAGE)

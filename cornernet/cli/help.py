"""The text behind `--help`: every key of the schema with its default, type and meaning."""

from collections.abc import Sequence

from cornernet.config.describe import Key, described

COLUMNS = (2, 32, 50, 76)  # where name, default, type and meaning begin; a longer cell pushes the next one a line down


def help_text(only: Sequence[str] = ()) -> str:
    """One row a key: name, default, type, meaning, under a headline; only: sections and keys, all where none is given.

    What is left out is said in the last line.
    """
    rows = [row for row in described() if not only or any(f"{row.name}.".startswith(f"{key}.") for key in only)]
    rest = ["", "--help all prints every key of a config"] if only else []
    return "\n".join([*map(_row, [Key("KEY", "DEFAULT", "TYPE", "MEANING"), *rows]), *rest])


def _row(cells: Key) -> str:
    lines = [""]
    for cell, start in zip(cells, COLUMNS, strict=True):
        if len(lines[-1]) > start - 2 and start > COLUMNS[0]:
            lines.append("")
        lines[-1] = lines[-1].ljust(start) + cell
    return "\n".join(line.rstrip() for line in lines)

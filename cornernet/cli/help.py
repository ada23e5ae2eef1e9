"""The text behind `--help`: every key of the schema with its default, type and meaning."""

from cornernet.config.describe import Key, described

COLUMNS = (2, 32, 50, 76)  # where name, default, type and meaning begin; a longer cell pushes the next one a line down


def help_text() -> str:
    """One row a key: name, default, type, meaning, under a headline."""
    rows = [Key("KEY", "DEFAULT", "TYPE", "MEANING"), *described()]
    return "\n".join(_row(row) for row in rows)


def _row(cells: Key) -> str:
    lines = [""]
    for cell, start in zip(cells, COLUMNS, strict=True):
        if len(lines[-1]) > start - 2 and start > COLUMNS[0]:
            lines.append("")
        lines[-1] = lines[-1].ljust(start) + cell
    return "\n".join(line.rstrip() for line in lines)

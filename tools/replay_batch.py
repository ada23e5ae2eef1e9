#!/usr/bin/env python3
"""Run the batch at which a training gave up again: tools/replay_batch.py RUN_FOLDER_OR_FILE [key=value ...]"""

from cornernet.cli import run

if __name__ == "__main__":
    run("replay_batch")

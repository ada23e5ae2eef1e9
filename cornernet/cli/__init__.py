"""The command line: one grammar for every command, help, exit codes, text for a terminal.

Called by tools/ and the command `cornernet`.
"""

"""What the operating system gives and takes: writes, reads, locks, signals, streams, bars, harmless text, words.

Called by every room that touches a file, a signal or a terminal. Nothing here knows of images or networks.
"""

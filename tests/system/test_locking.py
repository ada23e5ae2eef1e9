"""The lock on a folder: one holder, gone with its process, and a word where there can be none."""

import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cornernet.system import locking
from cornernet.system.locking import InUse, Lock

ROOT = Path(__file__).resolve().parents[2]
HOLD = "import os, sys, time; from cornernet.system.locking import Lock; lock = Lock(sys.argv[1]); "
WAIT = "print(os.getpid(), flush=True); time.sleep(60)"
FORK = "child = os.fork(); child or (time.sleep(20), os._exit(0)); print(child, flush=True); time.sleep(60)"


def holding(folder, code=WAIT):
    """A process that holds the lock, and the first line that it says."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD + code, folder], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return process, process.stdout.readline().strip()


def ended(process):
    process.kill()
    process.communicate()


def test_a_second_holder_is_refused_in_a_sentence(tmp_path):
    process, _ = holding(tmp_path)
    try:
        text = re.escape(f"work_dir {tmp_path} is in use by {socket.gethostname()}, process {process.pid}; ")
        with pytest.raises(InUse, match=f"^{text}"):
            Lock(tmp_path, 0.1)
        assert locking.held(tmp_path) and issubclass(InUse, ValueError)
    finally:
        ended(process)


def test_the_lock_ends_with_its_process_and_not_with_its_orphans(tmp_path):
    """A forked worker has all open files of its parent, and lives on for a while."""
    process, child = holding(tmp_path, FORK)
    try:
        os.kill(process.pid, signal.SIGKILL)
        with Lock(tmp_path):
            os.kill(int(child), 0)  # still there
    finally:
        os.kill(int(child), signal.SIGKILL)
        ended(process)
    assert not (tmp_path / locking.FILE).exists()


def test_it_waits_for_one_that_is_dying(tmp_path):
    process, _ = holding(tmp_path, "print('ready', flush=True); time.sleep(0.5); os._exit(1)")
    since = time.monotonic()
    with pytest.raises(InUse):
        Lock(tmp_path, 0)
    with Lock(tmp_path, 300):
        assert time.monotonic() - since < 200
    ended(process)


def test_a_process_refuses_itself_and_keeps_its_lock(tmp_path):
    """The system does not, and drops the lock as soon as any file of that name is closed."""
    with Lock(tmp_path):
        with pytest.raises(InUse, match=f"process {os.getpid()}"):
            Lock(tmp_path, 0)
        assert locking.held(tmp_path)
        code = f"import sys; from cornernet.system import locking; sys.exit(3 + locking.held({str(tmp_path)!r}))"
        assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 4
    with Lock(tmp_path, 0):
        pass
    assert os.listdir(tmp_path) == []


def test_the_lock_of_a_folder_is_that_of_all_its_names(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    with Lock(tmp_path / "a"), pytest.raises(InUse, match=r"work_dir .*b is in use"):
        Lock(tmp_path / "b", 0)


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="follows links")
@pytest.mark.parametrize("other", ["kept", "missing", locking.FILE])
def test_a_link_in_place_of_the_file_is_refused(tmp_path, other):
    (tmp_path / "kept").write_text("of someone else")
    (tmp_path / locking.FILE).symlink_to(other)
    with pytest.raises(OSError, match=r"\.lock is a symbolic link, which a lock does not follow: .*\.lock'$"):
        Lock(tmp_path, 0)
    assert (tmp_path / "kept").read_text() == "of someone else" and not (tmp_path / "missing").exists()


def test_a_lock_on_a_file_that_was_removed_is_none(tmp_path):
    """As the holder before removes it while another has it open already."""
    lock = locking._lock
    removed = []

    def removing(number):
        if not removed:
            removed.append((tmp_path / locking.FILE).unlink())
        return lock(number)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(locking, "_lock", removing)
        held = Lock(tmp_path)
    assert os.fstat(held.number).st_ino == (tmp_path / locking.FILE).stat().st_ino
    held.release()


@pytest.mark.parametrize("code", ["ENOLCK", "EOPNOTSUPP", "ENOSYS"])
def test_a_file_system_without_locks_is_named_once_and_used(tmp_path, monkeypatch, caplog, code):
    def refuse(number):
        raise OSError(getattr(errno, code), os.strerror(getattr(errno, code)))

    monkeypatch.setattr(locking, "_lock", refuse)
    for _ in range(2):
        with Lock(tmp_path) as lock:
            assert lock.number is None
    assert [x.getMessage() for x in caplog.records] == [
        f"{tmp_path} cannot be locked: {os.strerror(getattr(errno, code))}; the run goes on, but nothing keeps a "
        "second one out of its folder"
    ]


def test_another_error_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(locking, "_lock", lambda number: (_ for _ in ()).throw(OSError(errno.EIO, "broken")))
    with pytest.raises(OSError, match="broken"):
        Lock(tmp_path)
    with pytest.raises(FileNotFoundError):
        Lock(tmp_path / "missing")


@pytest.mark.parametrize("text", ["", "\x1b[31mred, process 3", "a, process 3\nb", "x" * 10**6, "\xff"])
def test_what_a_lock_file_says_is_not_believed(tmp_path, text):
    (tmp_path / "x").write_text(text, encoding="latin-1")
    assert locking.holder(tmp_path / "x") == locking.holder(tmp_path / "y") == "another process"

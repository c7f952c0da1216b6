"""What each task of the sweep runs: ``task.py FOLDER LOCK:PLACES …``, started anew for every attempt.

It takes a place at each lock, which the kernel gives back when it dies, however it dies: so whoever finds no
place free has proof that too much is running. It writes down that it starts and how it ends, with the monotonic
time, each as one line that is appended whole. Standard library only, and little of it.
"""

import fcntl
import os
import signal
import sys
import time

SLOW_SECONDS = "FAULTS_SLOW_SECONDS"
"""Environment variable: another length of the task ``slow``."""


def main(folder: str, locks: list[str]) -> int:
    task, attempt = os.environ["PPROJ_TASK_ID"], os.environ["PPROJ_ATTEMPT"]
    journal = os.open(f"{folder}/journal", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(*words: str) -> None:
        os.write(journal, f"{time.monotonic_ns()} {' '.join(words)}\n".encode())

    for lock in [f"task-{task}:1", *locks]:
        name, places = lock.rsplit(":", 1)
        if not any(_taken(f"{folder}/locks/{name}.{place}") for place in range(int(places))):
            note("crowded", task, attempt, name)
    note("start", task, attempt)
    code, seconds = _part(folder, task)
    if task == "slow":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it takes its time to stop as well
    time.sleep(seconds)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # what is noted as its end is its end
    if code:
        os.close(os.open(f"{folder}/failed-{task}", os.O_WRONLY | os.O_CREAT))
    note("end", task, attempt, str(code))
    return code


def _taken(path: str) -> bool:
    """Whether the lock was free; it is ours then, for as long as we live."""
    try:
        fcntl.flock(os.open(path, os.O_RDWR | os.O_CREAT), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _part(folder: str, task: str) -> tuple[int, float]:
    """The exit code and the length in seconds, by the task's name.

    ``bad`` fails always, ``flaky`` until it has failed once; ``slow`` takes as long as half of the run.
    """
    slow = float(os.environ.get(SLOW_SECONDS, "0.25"))
    seconds = slow if task == "slow" else (5 + sum(task.encode()) * 7 % 20) / 1000
    if task.startswith("bad"):
        return 3, seconds
    return int(task.startswith("flaky") and not os.path.exists(f"{folder}/failed-{task}")), seconds  # noqa: PTH110


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

"""What people report of coding agents, one script for each: nobody's malice, all of it happened to somebody.

The scripts run in a workspace as tasks of that name. Most leave a piece of work: a file with ``work of NAME`` in it.
"""

from enum import Enum
from typing import NamedTuple


class Where(Enum):
    """Where the piece of work of a task must be at the end."""

    LANDED = "landed"
    KEPT = "kept"
    """In a ref of the task's, named in the summary."""
    NOWHERE = "nowhere"
    """The task removed it itself, or never made any."""


class Deed(NamedTuple):
    script: str
    where: Where = Where.LANDED
    succeeds: bool = True
    deadline: int | None = None


WORK = 'echo "work of $PPROJ_TASK_ID" > $PPROJ_TASK_ID.txt'
COMMIT = "git add -A && git commit -qm mine"
SECRET = "AKIAQ3EGRQHJ5TRS7WXY"
"""Has the form of an AWS access key; it is none."""
TOKEN = "ghp_x7Kq2Wn9Rt4Yb8Lm3Vc6Zd1Fg5Hj0PsAeUoI"
"""The same of a GitHub token."""

DEEDS = {
    # Its own .git
    "deletes-git": Deed(f"{WORK}; rm -rf .git"),
    "commits-above": Deed(f"{WORK}; rm -rf .git; {COMMIT}; git stash -u; git clean -fdx ..; true"),
    "reset-hard": Deed(f"{WORK}; {COMMIT}; git reset -q --hard HEAD~1", Where.KEPT),
    "other-branch": Deed(f"git checkout -qb side; {WORK}; {COMMIT}; git checkout -q -", Where.KEPT),
    "commits-main": Deed(f"git checkout -qB main; {WORK}; {COMMIT}"),
    "detached": Deed(f"git checkout -q --detach; {WORK}; {COMMIT}; git checkout -q -", Where.KEPT),
    "amends": Deed(f"{WORK}; git add -A; git commit -q --amend -m 'Parallel-Task: forged'"),
    "orphan": Deed(f"git checkout -q --orphan fresh; {WORK}; {COMMIT}"),
    "stash": Deed(f"{WORK}; git stash -qu", Where.KEPT),
    "stash-drop": Deed(f"{WORK}; git stash -qu; git stash drop -q", Where.KEPT),
    "worktree": Deed(f"git worktree add -q ../more -b more; cd ../more; {WORK}", Where.KEPT),
    "worktree-inside": Deed(
        f"git worktree add -q .claude/worktrees/x -b x; cd .claude/worktrees/x; {WORK}; {COMMIT}", Where.KEPT
    ),
    "index-lock": Deed(f"{WORK}; touch .git/index.lock .git/HEAD.lock .git/config.lock"),
    "broken-git": Deed(f"{WORK}; echo nonsense > .git/HEAD; : > .git/index; rm -rf .git/objects"),
    "gc": Deed(f"{WORK}; {COMMIT}; git reflog expire --expire=now --all; git gc -q --prune=now"),
    "sparse": Deed(f"git sparse-checkout set --no-cone nothing; {WORK}"),
    "assume-unchanged": Deed('git update-index --assume-unchanged README; echo "work of $PPROJ_TASK_ID" >> README'),
    "hooks": Deed(
        'mkdir -p h; for hook in pre-commit pre-receive post-checkout reference-transaction; do echo "touch $RAN" > '
        '.git/hooks/$hook; chmod +x .git/hooks/$hook; done; git config core.hooksPath "$PWD/.git/hooks"; git config '
        'core.fsmonitor "touch $RAN;"; git config filter.x.clean "touch $RAN; cat"; echo "* filter=x" > '
        f".git/info/attributes; git config core.sshCommand 'touch $RAN'; {WORK}"
    ),
    "user-config": Deed(f"git config user.email evil@example.com; git config core.worktree $REPOSITORY; {WORK}"),
    "pushes": Deed(f"{WORK}; {COMMIT}; git push -f origin HEAD:main; git push; git push -f --mirror origin; true"),
    # What it leaves in the folder
    "nested": Deed(f"git init -q new; cd new; {WORK}; {COMMIT}", Where.KEPT, False),
    "clones": Deed(f"git clone -q $REPOSITORY copy; cd copy; {WORK}", Where.KEPT, False),
    "submodule": Deed(
        f"{WORK}; git -c protocol.file.allow=always submodule add -q $REPOSITORY lib; {COMMIT}", Where.KEPT, False
    ),
    "secret": Deed(f"{WORK}; echo 'key = \"{SECRET}\"' > settings.py", Where.KEPT, False),
    "env-file": Deed(
        f"{WORK}; echo 'GITHUB_TOKEN={TOKEN}' > .env; git add -f .env; git commit -qm env", Where.KEPT, False
    ),
    "secret-taken-back": Deed(
        f"echo {SECRET} > key; {COMMIT}; git rm -q key; git commit -qm removed; {WORK}; {COMMIT}"
    ),
    "ignored": Deed(f"{WORK}; echo '{TOKEN}' > local.private; git add -f local.private; git commit -qm private"),
    "huge": Deed(f"{WORK}; truncate -s 60M video.mov", Where.KEPT, False),
    "many": Deed(f"{WORK}; mkdir -p node_modules; for i in $(seq 300); do echo $i > node_modules/$i; done"),
    "names": Deed(f"{WORK}; echo x > -rf; echo x > 'new\nline'; echo x > \"$(printf 'b\\377d')\"; echo x > ' '"),
    "links": Deed(f"{WORK}; ln -s /etc/passwd passwd; ln -s $REPOSITORY repo; ln -s / root; true"),
    "special": Deed(f"{WORK}; mkfifo fifo; mkdir -p c/d; echo x > c/d/f; chmod 555 c/d c"),
    "hides": Deed(f"echo '*' > .gitignore; {WORK}", Where.NOWHERE),
    "tracker": Deed(f"{WORK}; sed -i 's/\\[ \\]/[x]/' tasks.md; mkdir -p .beads; echo x > .beads/issues.jsonl"),
    # What it takes away
    "removes-all": Deed("rm -rf ./* ../* .[!.]*", Where.NOWHERE, False),
    "replaces": Deed('rm -rf "$PWD"; ln -s $REPOSITORY "$PWD"; true', Where.NOWHERE, False),
    "moves-away": Deed(f'{WORK}; mv "$PWD" ../elsewhere', Where.NOWHERE, False),
    "cleans": Deed(f"{WORK}; git clean -qfdx; git checkout -q -- .; git reset -q --hard", Where.NOWHERE),
    "own-state": Deed(
        f'{WORK}; state=$(dirname "$(dirname "$PPROJ_TASK_FILE")"); rm -f "$PPROJ_TASK_FILE"; : > '
        '"$state/logs/$PPROJ_TASK_ID.1.log"; rm -f "$state/logs/$PPROJ_TASK_ID.1.log"'
    ),
    "outputs": Deed(f'{WORK}; rm -rf "$PPROJ_OUTPUTS"; cd "$PPROJ_OUTPUTS/.."; {COMMIT}; git stash -u; true'),
    # Processes
    "background": Deed(
        f"{WORK}; MARK=$MARK setsid nohup sh -c 'trap \"\" TERM HUP; while :; do date > late; sleep 0.1; done' > "
        "/dev/null 2>&1 & until [ -s late ]; do sleep 0.05; done"
    ),
    "kills-parent": Deed(f"{WORK}; [ $PPROJ_ATTEMPT = 1 ] && kill -9 $PPID; [ $PPROJ_ATTEMPT = 2 ]"),
    "kills-group": Deed(f"{WORK}; [ $PPROJ_ATTEMPT = 1 ] && kill -9 0; [ $PPROJ_ATTEMPT = 2 ]"),
    "stops-itself": Deed(f"{WORK}; kill -STOP $$", Where.KEPT, False, 1),
    "hangs": Deed(f"{WORK}; trap '' TERM; while :; do sleep 0.1; done", Where.KEPT, False, 1),
    "floods": Deed(f"{WORK}; yes 'all work and no play' | head -c 20000000"),
    "fails": Deed(f"{WORK}; {COMMIT}; exit 3", Where.KEPT, False),
    "does-nothing": Deed("echo 'I may not write'", Where.NOWHERE),
}  # fmt: skip

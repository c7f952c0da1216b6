"""What befalls a task in a real container, and what is said of it."""

from e2e.landing import Landing
from e2e.room import UNTIL_TOLD, Json, Room, task
from rig.deadline import until

ONCE: Json = {"maxAttempts": 1}


def test_a_task_that_takes_more_memory_than_it_may_fails_and_the_others_do_not(room: Room) -> None:
    small = {"limits": {"memory": "32Mi"}, "requests": {"cpu": "10m"}}
    tasks = [task("greedy", run="tail /dev/zero"), task("modest")]
    name = room.project("memory", tasks, container={"resources": small}, defaults=ONCE, failurePolicy="Continue")
    room.wait(name, "Completed")
    rows = room.rows(name)
    assert (rows["greedy"]["state"], rows["modest"]["state"]) == ("Failed", "Succeeded")
    assert rows["greedy"]["exitCode"] == 137
    assert "137" in room.why(name, "greedy")


def test_a_task_over_its_deadline_is_ended(room: Room) -> None:
    name = room.project("late", [task("hangs", seconds=600, activeDeadlineSeconds=3)], defaults=ONCE)
    room.wait(name, "Completed")
    row = room.rows(name)["hangs"]
    assert (row["state"], row["reason"]) == ("Failed", "DeadlineExceeded")


def test_an_image_that_cannot_be_pulled_is_told_within_seconds(room: Room) -> None:
    name = room.project("absent", [task("a")], container={"image": "registry.invalid/absent:1"})

    until(lambda: "cannot be pulled" in room.why(name, "a"), "the reason that it does not begin", seconds=90)
    assert "registry.invalid/absent:1" in room.why(name, "a")
    assert room.rows(name)["a"]["reason"] == "ImagePullBackOff"
    room.sh(f"pproj delete {name} --wait")


def test_an_eviction_is_not_the_tasks_fault(room: Room) -> None:
    name = room.project("evicted", [task("a", run=UNTIL_TOLD)], defaults=ONCE)
    pod = room.until_runs(name, "a")["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": room.namespace}}
    room.post(f"/api/v1/namespaces/{room.namespace}/pods/{pod}/eviction", eviction)
    until(lambda: pod not in [other["metadata"]["name"] for other in room.pods(name, "a")], "its end", seconds=60)
    room.tell(room.until_runs(name, "a"))
    room.wait(name)
    row = room.rows(name)["a"]
    assert (row["state"], row.get("failures", 0)) == ("Succeeded", 0)


def test_one_failed_task_is_retried_and_nothing_else_runs_again(room: Room) -> None:
    # The second attempt, which is that of the retry, finds what the first one lacked.
    tasks = [task("first"), task("second", "first", run='test "$PPROJ_ATTEMPT" = 2'), task("third", "second")]
    name = room.project("again", tasks, defaults=ONCE)
    room.wait(name, "Completed")
    before = room.rows(name)
    assert [before[key]["state"] for key in ("first", "second", "third")] == ["Succeeded", "Failed", "Skipped"]
    room.sh(f"pproj retry {name} second")
    room.wait(name)
    after = room.rows(name)
    assert after["first"] == before["first"]
    assert after["second"]["attempts"] == 2


def test_a_suspended_project_starts_nothing_until_it_is_resumed(room: Room) -> None:
    tasks = [task("first", run=UNTIL_TOLD), task("second", "first")]
    name = room.project("pause", tasks)
    pod = room.until_runs(name, "first")
    room.sh(f"pproj suspend {name}")
    room.wait(name, "Suspended")
    room.tell(pod)
    room.until_state(name, "first", "Succeeded")
    assert room.rows(name)["second"]["reason"] == "Suspended"
    assert not room.pods(name, "second")
    room.sh(f"pproj resume {name}")
    room.wait(name)


def test_deletion_leaves_nothing_behind(room: Room, landing: Landing) -> None:
    name = room.project("gone", [task("done"), task("runs", "done", seconds=600)], git=landing.git())
    room.until_runs(name, "runs")
    room.sh(f"pproj delete {name} --wait")

    def left() -> list[str]:
        kinds = "parallelprojects,jobs,pods,secrets,configmaps,services,persistentvolumeclaims"
        named = room.kubectl("get", kinds, "-o", "name").split()
        ours = {"configmap/kube-root-ca.crt", "secret/shop-git", "secret/shop-forge"}
        return [found for found in named if found not in ours]

    until(lambda: not left(), "all that belonged to it to go", seconds=90)


def test_work_that_meets_other_work_is_done_again_on_top_of_it(room: Room, landing: Landing) -> None:
    # Both start from the same commit and write the same line; the one that lands second meets the first.
    write = 'echo "$PPROJ_TASK_ID, $(cat shared.txt 2>/dev/null || echo nobody)" >new.txt; mv new.txt shared.txt'
    held = f'test "$PPROJ_ATTEMPT" != 1 || {UNTIL_TOLD}; {write}'
    tasks = [task("fast", run=held), task("slow", run=held)]
    conflicts = {"maxReruns": 2}
    name = room.project("meet", tasks, git=landing.git(), conflicts=conflicts, defaults=ONCE)
    fast, slow = room.until_runs(name, "fast"), room.until_runs(name, "slow")
    room.tell(fast)
    room.until_state(name, "fast", "Succeeded")
    room.tell(slow)
    room.wait(name)
    room.wait(name, "Published")
    rows = room.rows(name)
    assert {row["state"] for row in rows.values()} == {"Succeeded"}
    assert {key: row.get("conflicts", 0) for key, row in rows.items()} == {"fast": 0, "slow": 1}
    assert landing.repository.text("shared.txt", "parallel/meet") == "slow, fast, nobody\n"


def test_an_image_without_a_shell_runs_a_task_whose_work_lands(room: Room, landing: Landing, static_image: str) -> None:
    name = room.project(
        "bare", [task("a")], container={"image": static_image, "command": ["/static"]}, git=landing.git()
    )
    room.wait(name)
    room.wait(name, "Published")
    assert landing.repository.text("static.txt", "parallel/bare") == "by a\n"

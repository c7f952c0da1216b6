"""Examples of every command, as its ``--help`` shows them and the reference lists them. Data only.

``NAME`` is a project, ``tasks.json`` a task file. Each line is one that works as it stands once these are there.
"""

EXAMPLES: dict[str, tuple[str, ...]] = {
    "lint": ("pproj lint tasks.json", "pproj lint backlog/*.md"),
    "plan": (
        "pproj plan tasks.json",
        "pproj plan tasks.json -o json | jq .criticalPath",
        "pproj plan tasks.json --prompt TASK",
    ),
    "run": (
        "pproj run tasks.json --command 'make \"task-$PPROJ_TASK_ID\"'",
        "pproj run tasks.json --repo . --parallelism 4 \\\n"
        "    --command 'claude -p --dangerously-skip-permissions < \"$PPROJ_TASK_FILE\"'",
        "pproj run tasks.json --repo . --agent claude",
        "pproj run --repo . --check 'make test' --keep-going",
        "pproj run --repo . --agent claude --verify 'make test'",
        "pproj run --repo . --agent claude --sandbox",
        "pproj run --repo . --branch agents/shop --base main --author 'Agents <agents@example.com>'",
        "pproj run project.yaml --agent claude --follow",
        "pproj run --timeout 2h --task-timeout 20m --max-attempts 1",
        "pproj run --agent claude --repo . --budget usd=5",
        "pproj run --only api --only docs",
        "pproj run --from backend --skip load-test",
        "pproj run --repo . --set spec.git.notLanded='[CHANGELOG.md]'",
        "pproj run -o json | jq -r 'select(.event == \"TaskFailed\") | .task'",
    ),
    "publish": ("pproj publish", "pproj publish NAME --follow"),
    "init": ("pproj init", "pproj init plan/"),
    "import": (
        "pproj import tasks.json --image registry.example/agent:1.4 \\\n"
        "    --command 'agent \"$PPROJ_TASK_FILE\"' > project.yaml",
        "pproj import project.yaml --set spec.parallelism=8 | kubectl apply --server-side -f -",
    ),
    "submit": ("pproj submit project.yaml --watch", "pproj submit project.yaml -n agents --wait"),
    "list": (
        "pproj list",
        "pproj list --groups",
        "pproj list --groups tasks.json",
        "pproj list -A",
        "pproj list -o json",
    ),
    "get": (
        "pproj get",
        "pproj get NAME TASK",
        "pproj get NAME --group A",
        "pproj get NAME -o wide",
        "pproj get NAME -n agents -o yaml",
    ),
    "watch": ("pproj watch", "pproj watch NAME -n agents"),
    "wait": ("pproj wait NAME --timeout 2h", "pproj wait NAME --group A"),
    "why": ("pproj why", "pproj why TASK", "pproj why NAME TASK -n agents"),
    "logs": ("pproj logs", "pproj logs NAME TASK -f", "pproj logs NAME --failed"),
    "approve": ("pproj approve NAME TASK", "pproj approve NAME --all"),
    "answer": ("pproj answer NAME TASK 'Use port 8080.'", "pproj answer NAME TASK -f answer.md"),
    "skip": ("pproj skip NAME TASK",),
    "suspend": ("pproj suspend NAME",),
    "resume": ("pproj resume NAME",),
    "stop": ("pproj stop NAME",),
    "retry": ("pproj retry NAME", "pproj retry NAME TASK"),
    "rerun": ("pproj rerun NAME", "pproj rerun NAME TASK"),
    "delete": ("pproj delete NAME --wait",),
    "doctor": ("pproj doctor", "pproj doctor --repo ~/shop", "pproj doctor -n agents -o json"),
    "demo": ("pproj demo", "pproj demo --agent codex"),
    "clean": ("pproj clean --dry-run", "pproj clean --older-than 7d", "pproj clean NAME"),
    "help": ("pproj help", "pproj help run"),
    "version": ("pproj version -o json",),
    "controller": ("pproj controller --log-format text", "pproj controller --namespace agents"),
}

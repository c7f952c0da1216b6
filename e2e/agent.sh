#!/bin/sh
# Stands in for a coding agent: reads its task, and writes into the checkout what the task's parameters say.
set -eu
task=$PPROJ_TASK_FILE
test "${1:-}" != --task-file || task=$2
test -s "$task"
echo "task $PPROJ_TASK_ID, attempt $PPROJ_ATTEMPT, level $PPROJ_LEVEL"
cd "$PPROJ_WORKSPACE"
if test -n "${PPROJ_PARAM_SECONDS:-}"; then sleep "$PPROJ_PARAM_SECONDS"; fi
if test -n "${PPROJ_PARAM_RUN:-}"; then eval "$PPROJ_PARAM_RUN"; fi
mkdir -p work
echo "by $PPROJ_TASK_ID" >"work/$PPROJ_TASK_ID.txt"

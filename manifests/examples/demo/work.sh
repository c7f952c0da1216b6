# Takes the place of a coding agent in the demo: reads its task, waits a moment, writes a file.
# The payment step fails the first time, as agents do; the run tries it again.
set -eu
echo "task $PPROJ_TASK_ID, attempt $PPROJ_ATTEMPT, level $PPROJ_LEVEL"
length=$(cksum < "$PPROJ_TASK_FILE" | cut -c1-2)
sleep "$(awk -v x="$length" 'BEGIN { print 0.3 + x / 80 }')"
if [ "$PPROJ_TASK_ID" = 9.2 ] && [ "$PPROJ_ATTEMPT" = 1 ]; then
  echo "the payment sandbox did not answer" >&2
  exit 1
fi
cp "$PPROJ_TASK_FILE" "$PPROJ_WORKSPACE/done.json"
echo "done"

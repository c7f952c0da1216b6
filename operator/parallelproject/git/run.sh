# Runs a task's command in its container, and tells the git container beside it when and how it has ended.
# By the shell of busybox, both copied in by the init container: a task's image need have none.
#
#   busybox sh run.sh STATE WORKSPACE COMMAND…
#
# STATE is a folder of both containers: "lock" is held as long as the command runs, "started" says that it has been
# taken, "code" is the command's exit code, and "skip", made before, says that there is nothing to run.
busybox=${0%/*}/busybox state=$1 workspace=$2
shift 2
[ -e "$state/skip" ] && exit 0

exec 9>"$state/lock"
"$busybox" flock -x 9 || exit 125
: >"$state/started"

"$@" 9>&- &
child=$!
for signal in TERM INT HUP QUIT USR1 USR2; do
  trap "kill -$signal $child" "$signal"
done
# A signal ends the wait, not the command; one that has ended and was not waited for is still there.
while
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null
do :; done

# Where we are the container's first process, what the command left running ends here: nothing writes any more.
[ $$ -eq 1 ] && kill -KILL -1 2>/dev/null
# The git container is another user: what an image's own user has made must be readable to it.
"$busybox" chmod -R a+rwX "$workspace" 2>/dev/null
echo "$code" >"$state/code.new" && "$busybox" mv "$state/code.new" "$state/code"
exit "$code"

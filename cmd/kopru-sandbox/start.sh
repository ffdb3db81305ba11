# Starts the sandbox with the arguments given, waits for it and takes its settings; it ends with the script that sources
# this, which has set $bin, and $patience in tenths of a second.
"$bin/kopru-sandbox" "$@" --env demo/sandbox.env >demo/sandbox.log 2>&1 &
sandbox=$!
trap 'kill $sandbox 2>/dev/null; wait $sandbox 2>/dev/null || true' EXIT INT TERM
tries=0
until [ -s demo/sandbox.env ]; do
	tries=$((tries + 1))
	if [ $tries -gt "$patience" ] || ! kill -0 $sandbox 2>/dev/null; then
		echo "the sandbox did not start:" && cat demo/sandbox.log && exit 1
	fi
	sleep 0.1
done
. demo/sandbox.env

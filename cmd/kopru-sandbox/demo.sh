#!/bin/sh
# Runs the shipped bridge against the sandbox, twice, and shows what came of it. Everything it leaves is in demo/.
set -eu
bin=${BIN:-bin}
bridge=pipelines/mpluskassa-vismanet
orders=${ORDERS:-600}
rm -rf demo
mkdir -p demo

set -- --orders "$orders"
patience=100
. "$(dirname "$0")/start.sh"

kopru() { "$bin/kopru" --state demo/state.db "$@"; }
# 3 says that some records are parked or dead, which the made-up shop sees to.
run() { kopru run --once "$bridge" || [ $? -eq 3 ]; }

echo "1. The connections"
kopru check "$bridge"
echo
echo "2. What a run would do with the first orders; nothing is written"
kopru plan --limit 5 "$bridge" orders
echo
echo "3. The run: $orders till orders become sales orders in Visma.net"
run
echo
echo "4. Records that need somebody, or wait for something"
kopru dead list "$bridge"
echo
echo "5. The run again: nothing new, so nothing is written"
run
echo
echo "What Visma.net has now, by the sandbox's own count:"
"$bin/kopru-sandbox" stats --env demo/sandbox.env
echo
echo "Look further: $bin/kopru --state demo/state.db activity $bridge"
echo "Play with it: $bin/kopru-sandbox --env demo/sandbox.env, then . demo/sandbox.env in another shell"
if [ -t 1 ]; then
	echo
	echo "The dashboard shows all of it, until you end it with Ctrl-C:"
	kopru run "$bridge" || true
else
	echo "See it all in a browser: on a terminal make demo ends with the dashboard; here start it yourself with kopru run."
fi

#!/bin/sh
# A first full sync of a whole shop through the shipped bridge, within limits such as those of the real systems, and a
# second one, which writes nothing. Parameters come from the environment; everything it leaves is in demo/.
set -eu
bin=${BIN:-bin}
items=${ITEMS:-20000} customers=${CUSTOMERS:-5000} orders=${ORDERS:-10000}
# Visma.net: 8 calls at once, and a number an hour that it does not publish; the last one published was 15,000. SCALE makes
# the hour shorter: the share of the limit that is used stays the same, and so does what a call costs.
hourly=${HOURLY:-15000} scale=${SCALE:-30}
latency=${LATENCY:-10ms} workers=${WORKERS:-2} per_second=${PER_SECOND:-200}
rm -rf demo
mkdir -p demo/shop

set -- --orders "$orders" --items "$items" --customers "$customers" --latency "$latency" \
	--set mpluskassa.workers="$workers" --set mpluskassa.calls_per_second="$per_second" \
	--set vismanet.calls_at_once=8 --set vismanet.rate_limit="$hourly" --set vismanet.rate_window=$((3600 / scale))s
patience=600
. "$(dirname "$0")/start.sh"

cp pipelines/mpluskassa-vismanet/*.hcl pipelines/mpluskassa-vismanet/*.ts demo/shop
rm -f demo/shop/*.test.*
cat >demo/shop/kopru.vars.hcl <<'EOF'
flows                  = ["products", "customers", "orders", "stock"]
vat_categories         = { "21" = "03", "9" = "02", "0" = "00" }
customer_class_person  = "PRIVAT"
customer_class_company = "BEDRIJF"
default_debtor         = "10001"
rounding_item          = "AFRONDING"
EOF

counted() {
	for system in mpluskassa vismanet; do
		"$bin/kopru-sandbox" ask --env demo/sandbox.env GET $system/stats |
			sed -n "s/.*\"requests\": *\([0-9]*\).*\"writes\": *\([0-9]*\).*/  $system: \1 calls, \2 writes/p"
		"$bin/kopru-sandbox" ask --env demo/sandbox.env DELETE $system/log >/dev/null
	done
}
# 3 says that some records are parked or dead, which the made-up shop sees to.
sync() {
	for flow in products customers orders stock; do
		began=$(date +%s)
		"$bin/kopru" --state demo/state.db run --once demo/shop $flow || [ $? -eq 3 ]
		took=$(($(date +%s) - began))
		echo "  $flow took ${took} s"
		counted
	done
}

echo "$items items with their stock, $customers customers, $orders orders. Visma.net: 8 calls at once, $hourly in $((3600 / scale)) s,"
echo "an hour at scale 1:$scale. MplusKASSA: $workers at once, $per_second a second. Each call takes $latency."
echo
echo "1. The first full sync"
sync
echo
echo "2. The second one: only what changed is read, and nothing is written"
sync
echo
echo "What both have, by the sandbox's own count:"
"$bin/kopru-sandbox" stats --env demo/sandbox.env

#!/bin/sh
# The firewall: its two interfaces get the names that the rules of scenarios use, then the rules of SCENARIO are loaded.
set -eu
: "${SCENARIO:=documented-ports}" "${INSIDE:=192.0.2.}" "${OUTSIDE:=203.0.113.}"
: "${SCENARIOS:=/opt/messenger-lab/lib/python3*/site-packages/emulator/scenarios}"

rename() { # network, name: a link that is down can be renamed; its addresses stay
  link=$(ip -o -4 address show | awk -v net="$1" 'index($4, net) == 1 { print $2; exit }')
  [ -n "$link" ] || { echo "no address in $1: see the networks of compose.yaml" >&2; exit 2; }
  [ "$link" = "$2" ] && return
  ip link set "$link" down
  ip link set "$link" name "$2"
  ip link set "$2" up
}

rename "$INSIDE" inside
rename "$OUTSIDE" outside
[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || { echo "net.ipv4.ip_forward is 0: set it for this container" >&2; exit 3; }
rules=$(echo $SCENARIOS/"$SCENARIO".nft)
[ -f "$rules" ] || { echo "no rules for scenario $SCENARIO: $rules" >&2; exit 2; }
nft -c -f "$rules"
nft flush ruleset
nft -f "$rules"
echo "loaded: $SCENARIO"
# Nothing more to do, but the network lives as long as this process.
sleep infinity &
trap 'kill $!; exit 0' TERM INT
wait

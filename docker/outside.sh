#!/bin/sh
# The emulator, on the address of this container in the network that OUTSIDE begins with.
set -eu
: "${OUTSIDE:=203.0.113.}" "${MGMT:=10.255.255.}" "${INSIDE_NETWORK:=192.0.2.0/24}" "${JOIN:=/join}" "${PERSON:=messenger}"

address_in() { ip -o -4 address show | awk -v net="$1" 'index($4, net) == 1 { sub("/.*", "", $4); print $4; exit }'; }

address=$(address_in "$OUTSIDE")
control=$(address_in "$MGMT")
[ -n "$address" ] && [ -n "$control" ] || { echo "no address in $OUTSIDE or in $MGMT: see the networks of compose.yaml" >&2; exit 2; }
# Answers to the inside go back through the firewall; who may not say so has been given the route by somebody else.
[ -z "${FIREWALL_OUTSIDE:-}" ] || ip route replace "$INSIDE_NETWORK" via "$FIREWALL_OUTSIDE"
run="messenger-lab serve --address $address --control $control --vantages $INSIDE_NETWORK --join-out $JOIN/join.toml"
[ "$(id -u)" = 0 ] || exec $run
chown "$PERSON" "$JOIN"
exec setpriv --reuid "$PERSON" --regid "$(id -g "$PERSON")" --init-groups --inh-caps=-all $run

#!/bin/sh
# The probe: everything for the outside goes through the firewall, then SCENARIO is run; the exit code is its answer.
set -eu
: "${SCENARIO:=documented-ports}" "${OUTSIDE_NETWORK:=203.0.113.0/24}" "${FIREWALL_INSIDE:=192.0.2.2}"
: "${JOIN:=/join}" "${REPORT:=/report}" "${PERSON:=messenger}"

ip route replace "$OUTSIDE_NETWORK" via "$FIREWALL_INSIDE"
chown "$PERSON" "$REPORT"
files="--json $REPORT/run.json --junit $REPORT/junit.xml --html $REPORT/report.html"
# The join file belongs to the other container's user, who has the same number here.
exec setpriv --reuid "$PERSON" --regid "$(id -g "$PERSON")" --init-groups --inh-caps=-all \
  messenger-lab run "$SCENARIO" --join "$JOIN/join.toml" $files

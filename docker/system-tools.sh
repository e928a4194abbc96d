#!/bin/sh
# Installs what the lab and its tests need beside Python, where that is allowed (root with apt-get).
# Elsewhere it says exactly what to install and goes on: everything that can work without it will.
#   sh docker/system-tools.sh [lab|tests]      tests: also the independent programs that judge ours
set -u

# command: package (a path stands for what has no command)
NEEDS="nft:nftables ip:iproute2 squid:squid-openssl curl:curl openssl:openssl"
TESTS="dig:dnsutils tshark:tshark nmap:nmap stun:stun-client turnutils_natdiscovery:coturn sqlite3:sqlite3 file:file"
TESTS="$TESTS setcap:libcap2-bin gcc:gcc pkg-config:pkg-config /usr/include/nice/agent.h:libnice-dev sipp:sip-tester socat:socat"  # independent callers
TESTS="$TESTS iptables:iptables unbound:unbound"  # what printed rules are loaded into
TESTS="$TESTS sshd:openssh-server ssh:openssh-client"  # vantages, by an sshd of the tests' own
TESTS="$TESTS docker-compose:docker-compose"  # validates the compose file

missing=""
[ "${1:-tests}" = tests ] || TESTS=""
for need in $NEEDS $TESTS; do
  command=${need%%:*}
  case "$command" in
    /*) [ -e "$command" ] ;;
    *) PATH="$PATH:/usr/sbin:/sbin" command -v "$command" >/dev/null 2>&1 ;;
  esac || missing="$missing ${need#*:}"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
  echo "installing:$missing"
  log=$(mktemp)
  if (apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing) >"$log" 2>&1
  then
    rm -f "$log"
    # Debian starts these as services; the lab and the tests run their own, and these only take ports.
    for daemon in squid unbound; do
      case "$missing" in *$daemon*) service "$daemon" stop >/dev/null 2>&1 || true ;; esac
    done
    # And a door that nobody asked for: the tests start an sshd of their own.
    case "$missing" in
      *openssh-server*)
        service ssh stop >/dev/null 2>&1 || true
        systemctl disable ssh >/dev/null 2>&1 || true
        ;;
    esac
    exit 0
  fi
  tail -n 5 "$log"
  rm -f "$log"
fi
echo "missing:$missing"
echo "install them with your package manager (Debian: sudo apt-get install$missing);"
echo "until then the lab or some tests are left out. \`messenger-lab doctor\` says what each one costs."
exit 0

#!/bin/sh
# On the booted machine: init has started nginx, it answers, and a reload does not interrupt it.
set -eu

timeout 20 sh -c 'until systemctl show-environment >/dev/null 2>&1; do sleep 0.05; done'
timeout 20 systemctl is-system-running --wait >/dev/null || true
systemctl is-active nginx

ask() {
  python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=5).read().decode(), end="")' "$1"
}

[ "$(ask http://127.0.0.1/healthz)" = ok ]
echo 'it answers'

before=$(systemctl show --property=MainPID --value nginx)
systemctl reload nginx
[ "$(systemctl show --property=MainPID --value nginx)" = "$before" ]
[ "$(ask http://127.0.0.1/healthz)" = ok ]
echo 'it answers after a reload, by the same process'

failed=$(systemctl list-units --state=failed --plain --no-legend nginx.service logrotate.service systemd-journald.service)
[ -z "$failed" ]

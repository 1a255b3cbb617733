#!/bin/sh
# Stands for the programs of a guest that reach its first process: services of the agent, detached runs, the power.
state=/run/local-azure/agent-stopped

event() {
  echo "local-azure KEY $*" >/dev/console
}

agent() {
  case $1 in
    start | restart) rm -f "$state"; event startAgent ;;
    stop) [ -e "$state" ] || { : >"$state"; event stopAgent; } ;;
  esac
}

unit_file() {
  for folder in /etc/systemd/system /run/systemd/system /usr/lib/systemd/system /lib/systemd/system; do
    [ ! -e "$folder/${1%.service}.service" ] || return 0
  done
  return 1
}

systemctl_run() {
  verb=
  units=
  now=
  for word; do
    case $word in
      --now) now=1 ;;
      -*) ;;
      *) if [ -z "$verb" ]; then verb=$word; else units="$units ${word%.service}"; fi ;;
    esac
  done
  case $verb in
    poweroff | halt) event powerOff; return 0 ;;
    reboot) event reboot; return 0 ;;
    is-system-running) echo running; return 0 ;;
  esac
  status=0
  for unit in $units; do
    unit_file "$unit" || { status=4; continue; }
    case $unit in walinuxagent | waagent) is_agent=1 ;; *) is_agent= ;; esac
    case $verb in
      start | stop | restart) [ -z "$is_agent" ] || agent "$verb" ;;
      disable | mask) [ -z "$is_agent" ] || [ -z "$now" ] || agent stop ;;
      enable | unmask) [ -z "$is_agent" ] || [ -z "$now" ] || agent start ;;
      is-active) if [ -n "$is_agent" ] && [ ! -e "$state" ]; then echo active; else echo inactive; status=3; fi ;;
      is-enabled) echo enabled ;;
      list-unit-files) echo "$unit.service enabled" ;;
      cat) echo "# $unit.service" ;;
    esac
  done
  return $status
}

systemd_run() {
  wait=0
  is_kept=
  while [ $# -gt 0 ]; do
    case $1 in
      --on-active=*) wait=${1#*=}; wait=${wait%s} ;;
      --on-active) wait=${2%s}; shift ;;
      --scope | --wait | --pipe | -P | -t | --pty) is_kept=1 ;;
      -p | -u | -E | -d | --property | --unit | --setenv | --description | --slice | --service-type) shift ;;
      --) shift; break ;;
      -*) ;;
      *) break ;;
    esac
    shift
  done
  if [ -n "$is_kept" ]; then exec "$@"; fi
  # shellcheck disable=SC2016 # The inner shell expands it.
  setsid sh -c 'sleep "$0"; exec "$@"' "$wait" "$@" </dev/null >/dev/null 2>&1 &
}

case ${0##*/} in
  systemctl) systemctl_run "$@" ;;
  systemd-run) systemd_run "$@" ;;
  poweroff | halt) event powerOff ;;
  reboot) event reboot ;;
  shutdown)
    case " $* " in
      *' -r '* | *' --reboot '*) event reboot ;;
      *' -c '* | *' -k '*) ;;
      *) event powerOff ;;
    esac
    ;;
  service)
    case $1 in walinuxagent | waagent) agent "$2" ;; esac
    ;;
esac

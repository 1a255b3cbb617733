#!/bin/sh
# Deprovisions the guest and powers it off. Without an argument it is the watchdog, with "work" the work itself.
# linux.ts puts the settings before this text; start.sh has put what it found into the file "found".
set -u
umask 022
export LC_ALL=C HISTFILE=/dev/null
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/share/oem/bin
: "${marker:?}" "${deprovision_user:?}" "${timeout_seconds:?}" "${delay_seconds:?}"

dir=/run/azure-vm-to-vhd/$marker
agent_lib=/var/lib/waagent
agent='' cloud_init='' units='' init='' new_host_keys='' user=''
# shellcheck source=/dev/null
. "$dir/found"

has() {
  command -v "$1" >/dev/null 2>&1
}

# The console that Azure keeps as the serial log; only one, for they may be the same device.
serial_console() {
  for tty in $(cat /sys/class/tty/console/active 2>/dev/null) ttyS0 ttyAMA0 console; do
    case $tty in ttyS* | ttyAMA* | hvc* | console) ;; *) continue ;; esac
    if [ -e "/dev/$tty" ] && : 2>/dev/null >>"/dev/$tty"; then
      printf '%s' "/dev/$tty"
      return
    fi
  done
  printf '/dev/null'
}

record() {
  line="@$marker $(printf '%s' "$*" | tr -c '\040-\176' ' ' | cut -c1-240)"
  printf '%s\n' "$line" >>"$dir/progress"
  printf '\r\n%s\r\n' "$line" 2>/dev/null >>"$serial"
}

# A step is a function; what it prints is the log, and it may set outcome and detail.
step() {
  outcome=ok detail=''
  : >"$dir/log"
  printf '%s\n' "$1" >"$dir/step"
  if "$1" >>"$dir/log" 2>&1; then
    record step "$(printf '%s' "$1" | tr _ -)" "$outcome" "$detail"
  else
    record step "$(printf '%s' "$1" | tr _ -)" failed "${detail:-$(tail -n 1 "$dir/log")}"
    exit 1
  fi
}

skip() {
  outcome=skipped detail=$*
}

fail() {
  detail=$*
  return 1
}

# A cut off transaction of dpkg or rpm makes an image that does not work, and cloud-init at work would not stay clean.
# The watchdog ends the wait.
settle() {
  while true; do
    busy=
    locks_held && busy='a package manager'
    cloud_init_works && busy=cloud-init
    [ -n "$busy" ] || return 0
    detail="waited for $busy"
    printf 'waits for %s\n' "$busy"
    sleep 1
  done
}

# Its own answer takes a while; without these files there is nothing to ask.
cloud_init_works() {
  [ -n "$cloud_init" ] && [ -e /run/cloud-init/status.json ] && [ ! -e /run/cloud-init/result.json ] &&
    "$cloud_init" status 2>/dev/null | grep -q 'status: running'
}

locks_held() {
  for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock; do
    [ -f "$lock" ] || continue
    grep -q "WRITE .*:$(stat -c %i "$lock") " /proc/locks 2>/dev/null && return 0
  done
  return 1
}

service() {
  case $init in
    systemd) systemctl "$1" "$2" ;;
    *) [ -x "/etc/init.d/$2" ] && "/etc/init.d/$2" "$1" ;;
  esac
}

agent_processes() {
  for process in /proc/[0-9]*; do
    arguments=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) || continue
    case $arguments in *waagent*-daemon* | *-run-exthandlers*) printf '%s\n' "${process#/proc/}" ;; esac
  done
}

# Units of both names exist at times, and an agent that still runs writes its state anew.
stop_agent() {
  for unit in $units; do
    service stop "$unit" || fail "$unit could not be stopped" || return
  done
  for pid in $(agent_processes); do kill -9 "$pid"; done
  [ -n "$units" ] || skip 'the agent has no service'
}

# Not with --machine-id: some versions leave none, and systemd takes that for a first boot and presets all units.
clean_cloud_init() {
  : >"$dir/changed"
  [ -n "$cloud_init" ] || {
    skip 'not installed'
    return 0
  }
  if ! "$cloud_init" clean --logs; then
    "$cloud_init" clean --help >/dev/null 2>&1 && { fail 'cloud-init clean --logs failed' || return; }
    rm -rf /var/lib/cloud/instance /var/lib/cloud/instances /var/lib/cloud/data /var/lib/cloud/sem
    rm -f /var/log/cloud-init.log /var/log/cloud-init-output.log
    detail='this version knows no "clean"; its state was removed'
  fi
  [ ! -e /var/lib/cloud/instance ] || fail '/var/lib/cloud/instance is still there'
}

# It ends with 0 whatever happens, so what it should have done is looked at.
deprovision_agent() {
  [ -n "$agent" ] || {
    skip 'not installed'
    return 0
  }
  mode=-deprovision+user
  [ "$deprovision_user" = true ] || mode=-deprovision
  "$agent" "$mode" -force </dev/null || fail "waagent $mode ended with $?" || return
  ! grep -q "Failed to run 'deprovision" "$dir/log" || fail "$(grep "Failed to run 'deprovision" "$dir/log")" || return
  for file in provisioned ovf-env.xml; do
    [ ! -e "$agent_lib/$file" ] || fail "waagent $mode ended with 0 and left $agent_lib/$file" || return
  done
  detail=$mode
}

# waagent removes the user that ovf-env.xml names; not what cloud-init and cron keep under the name.
remove_user() {
  [ -n "$user" ] || {
    skip 'no user to remove'
    return 0
  }
  detail=$user
  if id "$user" >/dev/null 2>&1; then
    detail="$user, whom waagent did not remove"
    if has userdel; then userdel -f -r "$user"; else deluser --remove-home "$user"; fi
  fi
  ! id "$user" >/dev/null 2>&1 || fail "the account \"$user\" is still there" || return
  rm -f "/var/spool/cron/crontabs/$user" "/var/spool/cron/$user" "/var/lib/systemd/linger/$user"
  drop_lines /etc/sudoers.d/90-cloud-init-users "^$pattern "
  drop_lines /etc/sudoers.d/90-cloud-init-users "^# User rules for $pattern\$"
  drop_lines /root/.ssh/authorized_keys "Please login as the user .*\"$pattern"'\\*" rather than'
  check_home
}

# userdel leaves a home that belongs to somebody else, and the point where one is mounted.
check_home() {
  [ -n "$home" ] && [ -n "$(ls -A "$home" 2>/dev/null)" ] || return 0
  [ "$(stat -c %u "$home")" != "$uid" ] || fail "the home folder $home could not be removed" || return
  detail="$detail; its home $home belongs to another account and stays"
}

# The copies from before the last change still have the hashes of the removed user's and root's passwords.
account_backups() {
  rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
}

drop_lines() {
  [ -f "$1" ] && grep -q "$2" "$1" || return 0
  grep -v "$2" "$1" >"$dir/lines"
  cat "$dir/lines" >"$1"
}

# An empty file is filled at the next boot, and is no first boot to systemd.
machine_id() {
  [ ! -f /etc/machine-id ] || : >/etc/machine-id || return
  if [ -f /var/lib/dbus/machine-id ] && [ ! -L /var/lib/dbus/machine-id ]; then
    rm -f /var/lib/dbus/machine-id
  fi
}

ssh_host_keys() {
  if [ "$new_host_keys" = y ]; then
    rm -f /etc/ssh/ssh_host_*
  elif ls /etc/ssh/ssh_host_*key >/dev/null 2>&1; then
    skip 'nothing makes new ones at boot: all VMs of the image share these'
  elif has sshd; then
    skip 'there are none and nothing makes any at boot: the image has no ssh'
  fi
}

# A shell with a terminal writes its history when the guest goes down.
histories() {
  for process in /proc/[0-9]*; do
    read -r program 2>/dev/null <"$process/comm" || continue
    case $program in bash | zsh | ksh | fish | ash) ;; *) continue ;; esac
    [ "$(sed 's/.*) //' "$process/stat" | cut -d' ' -f5)" = 0 ] || kill -9 "${process#/proc/}"
  done
  while IFS=: read -r _ _ _ _ _ folder _; do
    for file in .bash_history .zsh_history .ash_history .sh_history .ksh_history .local/share/fish/fish_history; do
      [ ! -f "$folder/$file" ] || rm -f "$folder/$file"
    done
  done </etc/passwd
}

agent_leftovers() {
  find "$agent_lib/" /var/log/azure/ -mindepth 1 -maxdepth 1 -exec rm -rf {} +
  rm -f /var/log/waagent.log*
  leftovers=$(find "$agent_lib/" -mindepth 1 -maxdepth 1 2>/dev/null | tr '\n' ' ')
  [ -z "$leftovers" ] || fail "${leftovers}came back"
}

# waagent removes the link of systemd-resolved too, and then nothing makes it anew.
name_servers() {
  if [ -n "$resolv_link" ] && [ ! -L /etc/resolv.conf ] && [ ! -e /etc/resolv.conf ]; then
    ln -s "$resolv_link" /etc/resolv.conf && detail="link to $resolv_link put back"
  fi
}

leases() {
  rm -rf /var/lib/dhcp/*.leases /var/lib/dhclient/* /var/lib/dhcpcd/*.lease /var/lib/NetworkManager/*.lease
}

sync_disks() {
  sync
}

work() {
  resolv_link=$(readlink /etc/resolv.conf)
  pattern=$(printf '%s' "$user" | sed 's/[.]/[.]/g')
  uid=$(id -u "$user" 2>/dev/null)
  home=$(sed -n "s/^$pattern:[^:]*:[^:]*:[^:]*:[^:]*:\([^:]*\):.*/\1/p" /etc/passwd)
  sleep "$delay_seconds"
  step settle
  step stop_agent
  step clean_cloud_init
  step deprovision_agent
  step remove_user
  step account_backups
  step machine_id
  step ssh_host_keys
  step leases
  step histories
  step agent_leftovers
  step name_servers
  step sync_disks
}

# An agent without its file "provisioned" waits half an hour for cloud-init instead of answering Run Command.
start_agent() {
  for file in provisioned ovf-env.xml; do
    [ ! -f "$dir/$file" ] || [ -e "$agent_lib/$file" ] || { mkdir -p "$agent_lib" && cp -p "$dir/$file" "$agent_lib/$file"; }
  done
  for unit in $units; do service start "$unit"; done
  [ -n "$units" ] || [ -z "$agent" ] || "$agent" -start
}

give_up() {
  state='Nothing was changed'
  [ ! -e "$dir/changed" ] || state='The guest may be half deprovisioned'
  record end failed "$*. $state; it was not powered off, and its agent is started again"
  start_agent >/dev/null 2>&1
  exit 1
}

attempt() {
  has "$1" && "$@"
}

power_off() {
  [ "$init" = systemd ] && systemctl --no-block --ignore-inhibitors poweroff && return
  attempt poweroff || attempt shutdown -h now || attempt poweroff -f || attempt busybox poweroff -f
}

# The work has a process group of its own, so that all of it can be ended.
watch() {
  printf '%s\n' $$ >"$dir/pid"
  for file in provisioned ovf-env.xml; do
    [ ! -f "$agent_lib/$file" ] || cp -p "$agent_lib/$file" "$dir/$file"
  done
  setsid sh "$0" work </dev/null >/dev/null 2>&1 &
  worker=$!
  (
    sleep $((delay_seconds + timeout_seconds)) &
    sleeper=$!
    trap 'kill $sleeper; exit' TERM
    wait $sleeper
    : >"$dir/late"
    kill -9 "-$worker"
  ) >/dev/null 2>&1 &
  watchdog=$!
  wait "$worker"
  status=$?
  kill "$watchdog" 2>/dev/null
  name=$(tr _ - 2>/dev/null <"$dir/step")
  [ ! -e "$dir/late" ] || give_up "Step ${name:-start} did not end within $timeout_seconds s"
  [ "$status" -eq 0 ] || give_up "Step ${name:-start} failed"
  record end ok
  power_off >"$dir/log" 2>&1 || give_up "The guest could not be powered off: $(tail -n 1 "$dir/log")"
}

serial=$(serial_console)
if [ "${1:-}" = work ]; then work; else watch; fi

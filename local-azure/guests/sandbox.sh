#!/bin/sh
# The first process of a guest whose files are a real folder: in mount, UTS, IPC, PID and network namespaces of its own.
# Arguments: the folder, a folder for scripts and their output, the host name, the key of its own console lines.
# Reads the numbers of scripts; prints what the console shows.
set -eu
root=$1
work=$2
key=$4
hostname "$3"

mkdir -p "$root/proc" "$root/run" "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/dev"
for node in null zero full random urandom; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
mkfifo "$root/dev/console"
ln -s console "$root/dev/ttyS0"
cat <>"$root/dev/console" &

mkdir -p "$root/run/local-azure/bin"
cp "$work/service" "$root/run/local-azure/service"
chmod 755 "$root/run/local-azure/service"
if [ -e "$root/usr/bin/systemctl" ] || [ -e "$root/bin/systemctl" ]; then
  mkdir -p "$root/run/systemd/system"
fi
for name in systemctl systemd-run poweroff halt reboot shutdown service; do
  case $name in
    systemctl | systemd-run) [ -d "$root/run/systemd/system" ] || continue ;;
  esac
  ln -s ../service "$root/run/local-azure/bin/$name"
  # A script that names the program by its path meets the same one; a multi-call program is left alone.
  for folder in /bin /sbin /usr/bin /usr/sbin; do
    real=$(chroot "$root" readlink -f "$folder/$name" 2>/dev/null) || continue
    case ${real##*/} in
      systemctl | systemd-run | poweroff | halt | reboot | shutdown | service)
        [ ! -f "$root$real" ] || mount --bind "$root/run/local-azure/service" "$root$real"
        ;;
    esac
  done
done

event() {
  echo "local-azure $key $*" >"$root/dev/console"
}

carry() {
  folder=var/lib/waagent/run-command/download/$1
  mkdir -p "$root/$folder"
  cp "$work/$1" "$root/$folder/script.sh"
  chmod 700 "$root/$folder/script.sh"
  # Without a first line that names it, the shell runs a script.
  shell=/bin/sh
  case $(head -c 2 "$work/$1") in '#!') shell= ;; esac
  status=0
  env -i HOME=/root LANG=C \
    PATH=/run/local-azure/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setsid chroot "$root" /bin/sh -c "cd '/$folder' && exec $shell ./script.sh" \
    </dev/null >"$work/$1.stdout" 2>"$work/$1.stderr" || status=$?
  event ended "$1" "$status"
}

serve() {
  while read -r number; do
    carry "$number" &
  done
}

# How programs without systemd ask the first process: halt, power off, restart.
trap 'event powerOff' USR1 USR2
trap 'event reboot' TERM
exec 3<&0
serve <&3 &
while kill -0 $! 2>/dev/null; do
  wait $! || true
done

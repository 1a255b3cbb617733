#!/bin/sh
# Runs the scripts of a case in a copy of a guest's root, in namespaces of its own (unshare --mount --uts --pid --net
# --ipc). The case's folder has start.sh, report.sh, prepare.sh and after.sh, the latter two for what the guest is to
# do before and after. Leaves there what each printed (*.out), calls, serial and after.list.
set -eu
root=${1:?root}
case=${2:?folder of the case}
umask 022

hostname builder
mount -t tmpfs tmpfs /mnt
mkdir /mnt/changes /mnt/work /mnt/guest
mount -t overlay overlay -o "lowerdir=$root,upperdir=/mnt/changes,workdir=/mnt/work" /mnt/guest
cd /mnt/guest
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs dev
for device in null zero urandom; do
  touch "dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
: >dev/ttyS0

# The guest knows nothing of the environment of the tests.
inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . "$@"
}

mkfifo run/ended
: >run/calls

# All that there is, and the contents of the files that are not the root's own any more.
list() {
  inside find / -xdev \( -path /proc -o -path /run -o -path /dev -o -path /tmp \) -prune -o \
    -printf '%P\t%y %m %U:%G %l\n'
  (cd /mnt/changes && find . -path ./tmp -prune -o -type f -exec sha256sum --zero {} +) | tr '\0' '\n' |
    sed 's/\([^ ]*\) *\.\/\(.*\)/\2\t\1/'
}

part() {
  cp "$case/$1.sh" "run/$1.sh"
  inside sh "/run/$1.sh" >"$case/$1.out" 2>&1 </dev/null || printf 'ended with %s\n' $? >>"$case/$1.out"
}

exec 3<>run/ended
part prepare
part start
if grep -q ' end started' "$case/start.out"; then read -r _ <&3; fi
part report
part after
list >"$case/after.list"
cp run/calls "$case/calls"
cp dev/ttyS0 "$case/serial"

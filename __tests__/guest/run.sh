#!/bin/sh
# Runs the scripts of a case in a copy of a guest's root, in namespaces of its own (unshare --mount --uts --pid --net
# --ipc). The case's folder has start.sh, report.sh, prepare.sh and after.sh, the latter two for what the guest is to
# do before and after, and a file "listed" where the files are to be compared. Leaves there what each printed (*.out),
# calls, serial, before.list and after.list.
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

# What only a machine of its own can do is recorded; powering off and starting the agent end the case.
stub() {
  cat >"$1"
  chmod 755 "$1"
}
mkdir -p etc/init.d
stub etc/init.d/walinuxagent <<'END'
#!/bin/sh
echo "walinuxagent $1" >>/run/calls
[ "$1" != start ] || echo ended 1<>/run/ended
END
stub usr/local/sbin/poweroff <<'END'
#!/bin/sh
echo "poweroff $*" >>/run/calls
echo ended 1<>/run/ended
END
mkfifo run/ended
: >run/calls

list() {
  inside find / -xdev \( -path /proc -o -path /run -o -path /dev -o -path /tmp \) -prune -o \
    -printf '%P\t%y %m %U:%G %l\n'
  inside find / -xdev \( -path /proc -o -path /run -o -path /dev -o -path /tmp \) -prune -o \
    -type f -print0 | xargs -0 chroot . sha256sum | sed 's/\([^ ]*\) *\/\(.*\)/\2\t\1/'
}

part() {
  cp "$case/$1.sh" "run/$1.sh"
  inside sh "/run/$1.sh" >"$case/$1.out" 2>&1 </dev/null || printf 'ended with %s\n' $? >>"$case/$1.out"
}

exec 3<>run/ended
part prepare
[ ! -f "$case/listed" ] || list >"$case/before.list"
part start
if grep -q ' end started' "$case/start.out"; then read -r _ <&3; fi
part report
part after
[ ! -f "$case/listed" ] || list >"$case/after.list"
cp run/calls "$case/calls"
cp dev/ttyS0 "$case/serial"

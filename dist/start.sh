#!/bin/sh
# Looks at the guest, refuses what cannot end well, and starts the script that outlives the VM agent. Changes nothing.
# linux.ts puts the settings and the function deprovision_script before this text.
set -u
umask 077
export LC_ALL=C
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/share/oem/bin
: "${marker:?}" "${deprovision_user:?}" "${admin_user?}" "${not_after:?}" "${allow_domain_member:?}" "${not_machine?}"

base=/run/azure-vm-to-vhd
dir=$base/$marker
agent_lib=/var/lib/waagent

say() {
  printf '@%s %s\n' "$marker" "$(printf '%s' "$*" | tr -c '\040-\176' ' ' | cut -c1-300)"
}

refuse() {
  say end refused "$*"
  exit 0
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# Run Command has no cancel, and a guest that lost its agent's state is sent the same script again.
check_occasion() {
  [ "$(id -u)" -eq 0 ] || refuse 'the script does not run as root'
  if [ -d "$dir" ]; then
    say note repeated 'this script was started before'
    say end started
    exit 0
  fi
  [ "$(date +%s)" -le "$not_after" ] || refuse "the script came to run too late (the guest's clock: $(date -u))"
  grep -q '^[^ ]* /run tmpfs ' /proc/mounts || refuse '/run is no tmpfs, so the record would get into the image'
  for pid in "$base"/*/pid; do
    [ -f "$pid" ] && grep -q deprovision.sh "/proc/$(cat "$pid")/cmdline" 2>/dev/null &&
      refuse 'another deprovision is under way in this guest: wait for its end and run again'
  done
}

# Machines of generation 1 tell their ID with the bytes of its first groups swapped:
# https://github.com/canonical/cloud-init/blob/main/cloudinit/sources/azure/identity.py
check_machine() {
  [ -n "$not_machine" ] || return 0
  machine=$({ tr '[:upper:]' '[:lower:]' </sys/class/dmi/id/product_uuid; } 2>/dev/null)
  swapped=$(printf '%s\n' "$machine" | sed -E 's/^(..)(..)(..)(..)-(..)(..)-(..)(..)-/\4\3\2\1-\6\5-\8\7-/')
  case $not_machine in "$machine" | "$swapped") refuse "the script came to the VM that was copied (machine $not_machine) instead of its copy: report this" ;; esac
}

find_agent() {
  agent=
  for agent_file in /usr/sbin/waagent /usr/bin/waagent /usr/share/oem/bin/waagent "$(command -v waagent)"; do
    [ -x "$agent_file" ] && agent=$agent_file && break
  done
  cloud_init=
  has cloud-init && cloud_init=$(command -v cloud-init)
  if [ -z "$agent" ]; then
    [ -n "$cloud_init" ] || refuse 'the guest has neither waagent nor cloud-init: install walinuxagent, or deprovision it by other means and set generalize: mark'
    say note no-waagent 'waagent was not found; what it would do is done by this script'
    return
  fi
  agent_version=$("$agent" -version </dev/null 2>/dev/null | sed -n 's/^WALinuxAgent-\([^ ]*\).*/\1/p' | head -n 1)
  [ -n "$agent_version" ] || refuse "$agent does not run: $("$agent" -version </dev/null 2>&1 | tail -n 1)"
  say fact agent "$agent_version"
}

# The unit has a name of its own in each family of distributions, and some guests have both.
find_service() {
  units=
  init=other
  [ -d /run/systemd/system ] && init=systemd
  for unit in walinuxagent waagent; do
    if [ "$init" = systemd ]; then
      systemctl cat "$unit.service" >/dev/null 2>&1 && units="$units $unit"
    elif [ -x "/etc/init.d/$unit" ]; then
      units="$units $unit"
    fi
  done
  say fact init "$init"
}

setting() {
  for conf in /etc/waagent.conf /usr/share/oem/waagent.conf; do
    [ -f "$conf" ] || continue
    sed -n "s/^[[:space:]]*$1=[[:space:]]*\([^#[:space:]]*\).*/\1/p" "$conf" | tail -n 1
    return
  done
}

cloud_init_runs() {
  [ -n "$cloud_init" ] && [ ! -e /etc/cloud/cloud-init.disabled ] &&
    ! grep -qw 'cloud-init=disabled' /proc/cmdline
}

# Who makes the user and the host keys of a VM of the image.
find_provisioner() {
  provisioner=$(setting Provisioning.Agent)
  [ -n "$provisioner" ] || [ "$(setting Provisioning.Enabled)" != n ] || provisioner=disabled
  [ "$(setting Provisioning.UseCloudInit)" = y ] && provisioner=cloud-init
  if [ "${provisioner:-auto}" = auto ]; then
    provisioner=waagent
    cloud_init_runs && provisioner=cloud-init
  fi
  [ "$provisioner" = waagent ] && [ -z "$agent" ] && provisioner=cloud-init
  [ "$provisioner" = cloud-init ] && ! cloud_init_runs && provisioner=disabled
  say fact provisioning "$provisioner"
  [ "$provisioner" = disabled ] && say note no-provisioning 'neither waagent nor cloud-init provisions a VM of the image: it gets no user, key or host name from Azure'
  new_host_keys=n
  [ "$provisioner" = cloud-init ] && new_host_keys=y
  case $provisioner-$(setting Provisioning.RegenerateSshHostKeyPair) in waagent-y | waagent-) new_host_keys=y ;; esac
  for maker in sshd-keygen@ sshd-keygen sshd-keygen.target ssh-keygen sshkeys; do
    for unit_file in "/usr/lib/systemd/system/$maker.service" "/usr/lib/systemd/system/$maker"; do
      [ -e "$unit_file" ] && new_host_keys=y
    done
  done
}

accounts() {
  while IFS=: read -r name _ uid _ _ _ shell; do
    case $uid in '' | *[!0-9]*) continue ;; esac
    case $shell in */nologin | */false) continue ;; esac
    [ "$uid" -ge 1000 ] && [ "$uid" -lt 60000 ] && [ "$name" != "$user" ] && printf ' %s' "$name"
  done </etc/passwd
}

# waagent ends with 0 although it keeps the user when ovf-env.xml is missing or not valid.
find_user() {
  user=
  if [ "$deprovision_user" = true ]; then
    if [ -f "$agent_lib/ovf-env.xml" ]; then
      user=$(sed -n 's/.*<\([A-Za-z0-9]*:\)\{0,1\}UserName>\([^<]*\)<.*/\2/p' "$agent_lib/ovf-env.xml" | head -n 1)
    fi
    if [ -z "$user" ] && [ -n "$admin_user" ]; then
      user=$admin_user
      say note user-by-azure "$agent_lib/ovf-env.xml names no user; the one of the VM's OS profile is taken"
    fi
    check_user
  fi
  others=$(accounts)
  [ -z "$others" ] || say note accounts "these accounts stay in the image:$others"
}

check_user() {
  if [ -z "$user" ]; then
    others=$(accounts)
    [ -z "$others" ] || refuse "$agent_lib/ovf-env.xml names no user, so it is not known which account Azure made (there are:$others): set deprovision-user: false, or delete the account"
    return
  fi
  case $user in *[!A-Za-z0-9._-]* | [!A-Za-z_]*) refuse "the provisioned user \"$user\" has no name that this script takes" ;; esac
  uid=$(id -u "$user" 2>/dev/null) || {
    say note user-gone "the provisioned user \"$user\" is not in the guest any more"
    return
  }
  [ "$uid" -ge 1000 ] || refuse "the provisioned user \"$user\" is a system account (uid $uid): set deprovision-user: false"
  say fact user "$user"
}

look_around() {
  # shellcheck source=/dev/null
  say fact distribution "$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-$ID}")"
  [ -z "$cloud_init" ] || say fact cloud-init "$("$cloud_init" --version 2>&1 | sed 's/.* //' | head -n 1)"
  if [ "$(setting Provisioning.DeleteRootPassword)" = n ] && grep -q '^root:[$]' /etc/shadow; then
    say note root-password 'root keeps its password (Provisioning.DeleteRootPassword=n)'
  fi
  resource_disk=$(setting ResourceDisk.MountPoint)
  while read -r swap _; do
    case $swap in
      Filename | /dev/* | "${resource_disk:-/mnt}"/* | /mnt/*) ;;
      *) say note swap "the swap file $swap, with what was in memory, is in the image" ;;
    esac
  done </proc/swaps
}

# Names and words mean the same in any case; what begins with a mark of a comment is no setting.
lines_of() {
  [ ! -f "$1" ] || tr '[:upper:]' '[:lower:]' <"$1"
}

value_in() {
  lines_of "$1" | sed -n "s/^[[:space:]]*$2[[:space:]]*=[[:space:]]*//p" | tail -n 1
}

# The sections of sssd whose provider needs an account of the machine; plain LDAP does not.
sssd_domain() {
  lines_of "$1" | sed -n -E '/^[[:space:]]*\[/h; /^[[:space:]]*id_provider[[:space:]]*=[[:space:]]*(ad|ipa)[[:space:]]*$/{g; s/^[^/]*\/*([^]]*).*/\1/p;}'
}

samba_domain() {
  is_member='^[[:space:]]*(security[[:space:]]*=[[:space:]]*(ads|domain)|server role[[:space:]]*=[[:space:]]*(member|dc|.*domain controller).*)[[:space:]]*$'
  lines_of "$1" | grep -qE "$is_member" || return 0
  for key in realm workgroup; do
    value_in "$1" "$key" | grep . && return
  done
  echo '?'
}

joined_by() {
  [ -n "$2" ] || return 0
  [ -n "$joined" ] || domain=$(printf '%s' "$2" | head -n 1 | tr -cd 'a-z0-9._-')
  joined="$joined $1"
}

kept_of_domain() {
  for kept in /etc/krb5.keytab /var/lib/sss/db /var/lib/sss/secrets /var/lib/samba/private/secrets.tdb; do
    [ -s "$kept" ] && [ -n "$(ls -A "$kept")" ] && printf ' %s' "$kept"
  done
}

# By files only: what joined the machine would talk to the domain. A keytab alone may be that of a service.
find_domain() {
  domain='' joined=''
  for conf in /etc/sssd/sssd.conf /etc/sssd/conf.d/*.conf; do joined_by "$conf" "$(sssd_domain "$conf")"; done
  joined_by /etc/ipa/default.conf "$(value_in /etc/ipa/default.conf domain)"
  joined_by /etc/samba/smb.conf "$(samba_domain /etc/samba/smb.conf)"
  kept=$(kept_of_domain)
  if [ -n "$joined" ]; then
    member="a member of a domain (${domain:-without a name}, by$joined)"
    say fact domain "${domain:-without a name}"
    [ "$allow_domain_member" = true ] || refuse "it is $member: its copy would meet the domain under the same name. Give \"copy-subnet\", a subnet that you chose for it"
    say note domain "it is $member and is not taken out of it: VMs of the image would share its account there. Leave the domain before, or join each VM anew"
    [ -z "$kept" ] || say note domain-files "its account in the domain, and what it knows of the domain, stay in the image:$kept"
  elif [ -s /etc/krb5.keytab ]; then
    say note keytab 'the keytab /etc/krb5.keytab, with keys of this machine, stays in the image'
  fi
}

# Everything but the values of settings comes from the fixed words above.
write_files() {
  mkdir -p "$dir" && deprovision_script >"$dir/deprovision.sh" && {
    printf "agent='%s'\ncloud_init='%s'\nunits='%s'\n" "$agent" "$cloud_init" "$units"
    printf "init='%s'\nnew_host_keys='%s'\nuser='%s'\n" "$init" "$new_host_keys" "$user"
  } >"$dir/found" && : >"$dir/progress"
}

# Out of the agent's control group, which ends with the agent. Older systemd knows no --collect.
launch() {
  if [ "$init" = systemd ]; then
    unit=azure-vm-to-vhd-$marker
    systemd-run --quiet --collect --unit="$unit" /bin/sh "$dir/deprovision.sh" ||
      systemd-run --quiet --unit="$unit" /bin/sh "$dir/deprovision.sh"
  else
    setsid sh "$dir/deprovision.sh" </dev/null >/dev/null 2>&1 &
  fi
}

check_occasion
check_machine
find_agent
find_service
find_provisioner
find_user
look_around
find_domain
write_files || {
  rm -rf "$dir"
  refuse 'the scripts could not be written to /run'
}
answer=$(launch 2>&1) || {
  rm -rf "$dir"
  refuse "the detached script could not be started: $answer"
}
say end started

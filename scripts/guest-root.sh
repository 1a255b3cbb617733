#!/usr/bin/env bash
# Makes the root of a Debian guest with the real waagent, cloud-init and sshd in a new folder, from the package
# sources of this machine, which must be Debian's. Needs root and mmdebstrap; takes about half a minute.
set -euo pipefail
folder=${1:?the folder to make}

sources() {
  apt-get indextargets --format "deb \$(REPO_URI) \$(RELEASE) \$(COMPONENT)" \
    'Created-By: Packages' 'Origin: Debian' | sort -u
}

[ -n "$(sources)" ] || apt-get update -qq
sources | mmdebstrap --quiet --variant=minbase --format=directory \
  --include=waagent,cloud-init,openssh-server,sudo,procps,busybox,systemd-sysv \
  --dpkgopt='force-unsafe-io' \
  --aptopt='Acquire::Languages "none"' \
  "$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)" "$folder" -

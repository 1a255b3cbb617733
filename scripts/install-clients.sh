#!/usr/bin/env bash
# Installs the programs of others that the tests run. By apt: az and libsecret-1-0 (which AzCopy needs) for
# __tests__/clients, mmdebstrap and shellcheck for __tests__/guest. AzCopy by npm into node_modules/.cache, since it is
# too big for everybody's install.
set -euo pipefail
cd "$(dirname "$0")/.."

azcopy=@azure-tools/azcopy-linux
folder=node_modules/.cache/azure-clients

sudo=''
[ "$(id -u)" -eq 0 ] || sudo='sudo'

packages=()
command -v az >/dev/null || packages+=(azure-cli)
command -v mmdebstrap >/dev/null || packages+=(mmdebstrap)
command -v shellcheck >/dev/null || packages+=(shellcheck)
ldconfig -p | grep -q 'libsecret-1\.so\.0' || packages+=(libsecret-1-0)
if [ "${#packages[@]}" -gt 0 ]; then
  $sudo apt-get update -qq
  $sudo apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
fi

npm install --no-save --no-audit --no-fund --silent --prefix "$folder" "$azcopy@10.32.2"
# The package has no program in its manifest, and no execute bit on its file.
chmod +x "$folder/node_modules/$azcopy"/dist/bin/azcopy_linux_*

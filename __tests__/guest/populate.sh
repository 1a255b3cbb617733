#!/bin/sh
# Makes a used guest of a fresh root, run in it: the user of Azure and another one, keys, histories, leases, the state
# of the agent and of cloud-init.
set -eu
umask 022
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

for user in azureuser bob; do
  useradd --create-home --shell /bin/bash --groups sudo "$user"
  mkdir -m 700 "/home/$user/.ssh"
  echo "ssh-ed25519 AAAA-of-$user $user" >"/home/$user/.ssh/authorized_keys"
  echo "secret of $user" >"/home/$user/.bash_history"
  echo "work of $user" >"/home/$user/work.txt"
  chown -R "$user:$user" "/home/$user"
done
echo 'root:secret' | chpasswd

mkdir -p /root/.ssh
cat >/root/.ssh/authorized_keys <<'END'
no-pty,command="echo 'Please login as the user \"azureuser\" rather than the user \"root\".';echo;sleep 10;exit 142" ssh-ed25519 AAAA-of-azureuser azureuser
ssh-ed25519 AAAA-of-the-owner owner
END
echo 'secret of root' >/root/.bash_history
cat >/etc/sudoers.d/90-cloud-init-users <<'END'
# Created by cloud-init

# User rules for azureuser
azureuser ALL=(ALL) NOPASSWD:ALL

# User rules for bob
bob ALL=(ALL) NOPASSWD:ALL
END
mkdir -p /var/spool/cron/crontabs
echo '* * * * * true' >/var/spool/cron/crontabs/azureuser
echo '* * * * * true' >/var/spool/cron/crontabs/bob

cat >/var/lib/waagent/ovf-env.xml <<'END'
<?xml version="1.0" encoding="utf-8"?>
<ns0:Environment xmlns:ns0="http://schemas.dmtf.org/ovf/environment/1" xmlns:ns1="http://schemas.microsoft.com/windowsazure">
  <ns1:ProvisioningSection>
    <ns1:Version>1.0</ns1:Version>
    <ns1:LinuxProvisioningConfigurationSet>
      <ns1:ConfigurationSetType>LinuxProvisioningConfiguration</ns1:ConfigurationSetType>
      <ns1:UserName>azureuser</ns1:UserName>
      <ns1:DisableSshPasswordAuthentication>true</ns1:DisableSshPasswordAuthentication>
      <ns1:HostName>builder</ns1:HostName>
    </ns1:LinuxProvisioningConfigurationSet>
  </ns1:ProvisioningSection>
  <ns1:PlatformSettingsSection>
    <ns1:Version>1.0</ns1:Version>
    <ns1:PlatformSettings>
      <ns1:ProvisionGuestAgent>true</ns1:ProvisionGuestAgent>
    </ns1:PlatformSettings>
  </ns1:PlatformSettingsSection>
</ns0:Environment>
END
echo 5f8f6a0d-0000-4000-8000-000000000001 >/var/lib/waagent/provisioned
echo PRIVATE-KEY >/var/lib/waagent/TransportPrivate.pem
mkdir -p /var/lib/waagent/WALinuxAgent-2.9.1.1/bin /var/lib/waagent/run-command/download/0 /var/log/azure/run-command
echo agent >/var/lib/waagent/WALinuxAgent-2.9.1.1/bin/agent.egg
echo script >/var/lib/waagent/run-command/download/0/script.sh
echo log >/var/log/azure/run-command/handler.log
echo log >/var/log/waagent.log
echo log >/var/log/waagent.log.1
echo log >/var/log/syslog

mkdir -p /var/lib/cloud/instances/one /var/lib/cloud/data /var/lib/dhcp /etc/netplan
echo one >/var/lib/cloud/data/instance-id
ln -s instances/one /var/lib/cloud/instance
echo log >/var/log/cloud-init.log
echo log >/var/log/cloud-init-output.log
echo 'lease {}' >/var/lib/dhcp/dhclient.eth0.leases
echo 'network: {version: 2}' >/etc/netplan/50-cloud-init.yaml
echo 'nameserver 168.63.129.16' >/etc/resolv.conf
echo 0123456789abcdef0123456789abcdef >/etc/machine-id
mkdir -p /var/lib/dbus
cp /etc/machine-id /var/lib/dbus/machine-id
echo builder >/etc/hostname

# What only a machine of its own can do is recorded; powering off and starting the agent end a case.
cat >/etc/init.d/walinuxagent <<'END'
#!/bin/sh
echo "walinuxagent $1" >>/run/calls
[ "$1" != start ] || echo ended 1<>/run/ended
END
cat >/usr/local/sbin/poweroff <<'END'
#!/bin/sh
echo "poweroff $*" >>/run/calls
echo ended 1<>/run/ended
END
chmod 755 /etc/init.d/walinuxagent /usr/local/sbin/poweroff

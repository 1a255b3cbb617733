# Prints what decides whether Sysprep can generalize this Windows. Changes nothing.
$facts = [ordered]@{}

# Messages of errors are in the language of the guest, their types are not.
function Read-Fact([string] $Name, [scriptblock] $Read) {
  try {
    $value = & $Read
    # "Nothing" of a pipeline would become an object in the JSON.
    if ($null -eq $value) { $value = $null }
    $facts[$Name] = @{ value = $value }
  } catch {
    $facts[$Name] = @{ error = $_.Exception.GetType().Name }
  }
}

Read-Fact 'system' {
  $windows = Get-CimInstance -ClassName Win32_OperatingSystem
  @{
    caption = ConvertTo-Plain $windows.Caption
    build = [int]$windows.BuildNumber
    productType = [int]$windows.ProductType
  }
}

Read-Fact 'imageState' { Get-ImageState }
Read-Fact 'bootTime' { Get-BootTime }
Read-Fact 'sysprepFound' { Test-Path -LiteralPath (Join-Path $sysprepFolder 'sysprep.exe') }
Read-Fact 'sysprepProcesses' { Limit-List @(Get-SysprepProcess) 80 }

Read-Fact 'domain' {
  $computer = Get-CimInstance -ClassName Win32_ComputerSystem
  if ($computer.PartOfDomain) { ConvertTo-Plain $computer.Domain } else { '' }
}

Read-Fact 'bitLocker' {
  $volumes = @(Get-BitLockerVolume | Where-Object { "$($_.VolumeStatus)" -ne 'FullyDecrypted' })
  Limit-List @($volumes | ForEach-Object { "$($_.MountPoint) $($_.VolumeStatus)" }) 300
}

Read-Fact 'pendingReboot' {
  $windows = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion'
  $manager = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager'
  $renames = Get-RegistryValue $manager 'PendingFileRenameOperations'
  @{
    servicing = Test-Path -LiteralPath "$windows\Component Based Servicing\RebootPending"
    update = Test-Path -LiteralPath "$windows\WindowsUpdate\Auto Update\RebootRequired"
    renames = @($renames | Where-Object { $_ }).Count
  }
}

Read-Fact 'roles' {
  $roles = @(Get-WindowsFeature | Where-Object { $_.Installed -and "$($_.FeatureType)" -eq 'Role' })
  Limit-List @($roles | ForEach-Object { $_.Name }) 700
}

Read-Fact 'cdromStart' {
  Get-RegistryValue 'HKLM:\SYSTEM\CurrentControlSet\Services\cdrom' 'Start'
}

Read-Fact 'removableStorage' {
  $path = 'HKLM:\SOFTWARE\Policies\Microsoft\Windows\RemovableStorageDevices'
  $denials = @()
  if (Test-Path -LiteralPath $path) {
    foreach ($key in @(Get-Item -LiteralPath $path) + @(Get-ChildItem -LiteralPath $path)) {
      foreach ($name in $key.GetValueNames()) {
        if ($name -like 'Deny_*' -and $key.GetValue($name) -eq 1) {
          $denials += "$($key.PSChildName)\$name"
        }
      }
    }
  }
  Limit-List $denials 350
}

Read-Fact 'appx' {
  $provisioned = @(Get-AppxProvisionedPackage -Online | ForEach-Object { $_.DisplayName })
  $packages = @(Get-AppxPackage -AllUsers | Where-Object {
    $users = @($_.PackageUserInformation | Where-Object { "$($_.InstallState)" -eq 'Installed' })
    $isPart = $_.IsFramework -or $_.IsResourcePackage -or $_.NonRemovable
    $users.Count -gt 0 -and -not $isPart -and "$($_.SignatureKind)" -ne 'System' -and
      $provisioned -notcontains $_.Name
  })
  Limit-List @($packages | ForEach-Object { $_.PackageFullName }) 900
}

Read-Fact 'rearmCount' {
  (Get-CimInstance -ClassName SoftwareLicensingService).RemainingWindowsReArmCount
}

Read-Fact 'upgraded' {
  $setup = 'HKLM:\SYSTEM\Setup'
  $sources = @(Get-ChildItem -LiteralPath $setup | Where-Object { $_.PSChildName -like 'Source OS*' })
  (Test-Path -LiteralPath "$setup\Upgrade") -or $sources.Count -gt 0
}

Read-Fact 'unattendFile' {
  ConvertTo-Plain "$(Get-RegistryValue 'HKLM:\SYSTEM\Setup' 'UnattendFile')"
}

Read-Fact 'services' {
  $names = 'RdAgent', 'WindowsAzureGuestAgent', 'WindowsAzureTelemetryService'
  $services = @(Get-Service -Name $names -ErrorAction SilentlyContinue)
  Limit-List @($services | ForEach-Object { "$($_.Name) $($_.Status)" }) 160
}

Write-Report 'facts' $facts

# What the scripts of this folder share; the action puts it before each of them, and $marker before it.
# Windows PowerShell 5.1, run as SYSTEM by Run Command, which keeps the last 4096 bytes of the output.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$sysprepFolder = Join-Path $env:SystemRoot 'System32\Sysprep'

# One byte for each character, and no text that takes the room of all others.
function ConvertTo-Plain([string] $Text, [int] $Most = 100) {
  $plain = $Text -replace '[^\x20-\x7e]', '?'
  return $plain.Substring(0, [Math]::Min($Most, $plain.Length))
}

# As many lines as there is room for, counted as the JSON has them: it doubles every backslash.
function Select-Room($Lines, [int] $Room) {
  $taken = @()
  foreach ($line in $Lines) {
    $plain = ConvertTo-Plain "$line" 260
    $Room -= (ConvertTo-Json -InputObject $plain -Compress).Length + 1
    if ($Room -lt 0) { break }
    $taken += $plain
  }
  return $taken
}

function Limit-List($Items, [int] $Room) {
  $all = @($Items | Where-Object { $null -ne $_ })
  return @{ count = $all.Count; names = [string[]]@(Select-Room $all $Room) }
}

function Get-RegistryValue([string] $Path, [string] $Name) {
  $key = Get-Item -LiteralPath $Path -ErrorAction SilentlyContinue
  if ($null -eq $key) { return $null }
  return $key.GetValue($Name)
}

function Get-ImageState {
  return Get-RegistryValue 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State' 'ImageState'
}

# Seconds are enough to tell one start of Windows from the next.
function Get-BootTime {
  $windows = Get-CimInstance -ClassName Win32_OperatingSystem -Property LastBootUpTime
  return $windows.LastBootUpTime.ToUniversalTime().ToString('s') + 'Z'
}

# On Windows Server 2022 SetupHost.exe works on after sysprep.exe has ended.
function Get-SysprepProcess {
  $names = 'sysprep', 'SetupHost'
  return @(Get-Process -Name $names -ErrorAction SilentlyContinue | ForEach-Object { $_.ProcessName })
}

function Write-Report([string] $Word, $Content) {
  $json = ConvertTo-Json -InputObject $Content -Compress -Depth 5
  Write-Output "@$marker $Word $json"
  Write-Output "@$marker end"
}

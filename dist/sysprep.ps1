# Takes away what makes Sysprep fail or hang, starts it, and returns at once: Run Command cannot be
# cancelled and must be free for the script that watches. Writes no file and no setting.
$removed = New-Object System.Collections.ArrayList
$left = New-Object System.Collections.ArrayList

function Remove-Stale([string] $Path) {
  if (-not (Test-Path -LiteralPath $Path)) { return }
  try {
    Remove-Item -LiteralPath $Path -Recurse -Force
    [void]$removed.Add($Path)
  } catch {
    [void]$left.Add($Path)
  }
}

# The agent's handler stops the agent, which Run Command needs, and hangs where its library is missing.
function Remove-AgentHandler {
  $path = 'HKLM:\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\SysPrepExternal\Generalize'
  $key = Get-Item -LiteralPath $path -ErrorAction SilentlyContinue
  if ($null -eq $key) { return }
  foreach ($name in $key.GetValueNames()) {
    $value = "$($key.GetValue($name))"
    if ($value -like '*VMAgentDisabler.dll*') {
      Remove-ItemProperty -LiteralPath $path -Name $name
      [void]$removed.Add("Sysprep handler $value")
    }
  }
}

function Remove-Obstacle {
  Remove-Stale (Join-Path $env:SystemRoot 'Panther')
  Remove-Stale (Join-Path $sysprepFolder 'Panther')
  foreach ($folder in $sysprepFolder, "$env:SystemDrive\") {
    foreach ($file in 'unattend.xml', 'autounattend.xml') {
      Remove-Stale (Join-Path $folder $file)
    }
  }
  Remove-AgentHandler
}

# WMI starts the process as a child of its own: it is in no job of Run Command's, inherits no handle of its
# output, and, unlike a scheduled task, leaves nothing behind.
function Start-Sysprep {
  $command = '"{0}\sysprep.exe" /oobe /generalize /mode:vm /quiet /quit' -f $sysprepFolder
  $arguments = @{ CommandLine = $command; CurrentDirectory = $sysprepFolder }
  return Invoke-CimMethod -ClassName Win32_Process -MethodName Create -Arguments $arguments
}

$report = [ordered]@{ started = $false; imageState = Get-ImageState; bootTime = $null }
try {
  $processes = @(Get-SysprepProcess)
  $report.processes = Limit-List $processes 80
  $report.bootTime = Get-BootTime
  if ($processes.Count -eq 0 -and $report.imageState -eq 'IMAGE_STATE_COMPLETE') {
    Remove-Obstacle
    $start = Start-Sysprep
    $report.started = $start.ReturnValue -eq 0
    $report.code = [int]$start.ReturnValue
  }
} catch {
  $report.error = "$($_.Exception.GetType().Name) in line $($_.InvocationInfo.ScriptLineNumber)"
}
$report.removed = Limit-List $removed 1200
$report.left = Limit-List $left 900
Write-Report 'sysprep' $report

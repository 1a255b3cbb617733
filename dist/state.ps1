# Waits for the end of Sysprep, $waitSeconds at most, and prints how far it is. Changes nothing.
$watch = [System.Diagnostics.Stopwatch]::StartNew()
while (@(Get-SysprepProcess).Count -gt 0 -and $watch.Elapsed.TotalSeconds -lt $waitSeconds) {
  Start-Sleep -Seconds 2
}

function Read-Tail([string] $File, [int] $Lines) {
  try {
    Get-Content -LiteralPath (Join-Path "$sysprepFolder\Panther" $File) -Tail $Lines
  } catch {
    # The log is not there before Sysprep has written its first line.
    Write-Verbose "$File cannot be read"
  }
}

$act = @(Read-Tail 'setupact.log' 400)
$errors = @(Read-Tail 'setuperr.log' 100) + @($act | Where-Object { $_ -match ',\s+(Fatal )?Error\s' })
# Packages first: they are the usual cause, and other errors follow from them.
$packages = @($errors | Where-Object { $_ -match 'was installed for a user' })
$important = @(Select-Room (@($packages) + @($errors) | Select-Object -Unique) 1900)
# The end of the log: from the last line back as far as there is room, then in its order again.
$back = @($act)
[array]::Reverse($back)
$tail = @(Select-Room $back 1000)
[array]::Reverse($tail)

$bootTime = $null
try { $bootTime = Get-BootTime } catch { $bootTime = $null }

Write-Report 'state' ([ordered]@{
    imageState = Get-ImageState
    processes = Limit-List @(Get-SysprepProcess) 80
    bootTime = $bootTime
    errors = [string[]]$important
    tail = [string[]]$tail
  })

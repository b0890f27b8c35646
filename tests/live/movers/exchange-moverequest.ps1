# exchange-moverequest.ps1 - UNTESTED HERE: a template, written from the documentation of the cmdlets. A mover for Exchange 2010 to
# 2019 (and, with -RemoteHostName, for moves into Exchange Online, run in its own shell): one mailbox by New-MoveRequest, its
# marks from Get-MoveRequestStatistics, in the words of docs/mover.md. Run it on a machine that has the management shell:
#
#   movers:
#     exchange:
#       type: exec
#       argv: [ssh, -T, mover@mgmt.example.com, powershell, -NonInteractive, -File, 'C:\pm\exchange-moverequest.ps1',
#              -Mailbox, "{user}", -TargetDatabase, "{to}"]
#
# {to} is the name of a server in the profile: name the profile's servers after databases here, or map them below. A request
# that completes at once is what a test wants; -SuspendWhenReadyToComplete would leave the mailbox in both places.
param(
    [Parameter(Mandatory = $true)] [string] $Mailbox,
    [string] $TargetDatabase,
    [string] $RemoteHostName,
    [string] $TargetDeliveryDomain,
    [pscredential] $RemoteCredential,
    [int] $PollSeconds = 2
)
$ErrorActionPreference = 'Stop'

function Say([string] $Line) { [Console]::Out.WriteLine($Line); [Console]::Out.Flush() }

try {
    # What an earlier run left behind would refuse the new request.
    Get-MoveRequest -Identity $Mailbox -ErrorAction SilentlyContinue | Remove-MoveRequest -Confirm:$false
    if ($RemoteHostName) {
        New-MoveRequest -Identity $Mailbox -Remote -RemoteHostName $RemoteHostName -RemoteCredential $RemoteCredential `
            -TargetDeliveryDomain $TargetDeliveryDomain | Out-Null
    } else {
        New-MoveRequest -Identity $Mailbox -TargetDatabase $TargetDatabase | Out-Null
    }
    $copying = $false
    while ($true) {
        $now = Get-MoveRequestStatistics -Identity $Mailbox
        $status = "$($now.Status)"
        if (-not $copying -and $status -in 'InProgress', 'CompletionInProgress', 'Completed', 'CompletedWithWarning') {
            $copying = $true
            Say 'mark copying'
        }
        if ($status -in 'Completed', 'CompletedWithWarning') { break }
        if ($status -in 'Failed', 'Suspended', 'AutoSuspended') {
            Say "failed ${status}: $($now.StatusDetail) $($now.Message)"
            exit 1
        }
        Start-Sleep -Seconds $PollSeconds
    }
    Say 'mark done'
    Remove-MoveRequest -Identity $Mailbox -Confirm:$false
} catch {
    Say "failed $($_.Exception.Message)"
    exit 1
}

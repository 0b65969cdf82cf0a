# Dot-source it from $PROFILE.
Register-ArgumentCompleter -Native -CommandName cictl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $nodes = @{
@NODES@    }
    $kinds = @{
@KINDS@    }
    $static = @{
@WORDS@    }
    $words = @($commandAst.CommandElements | Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { $_.ToString() })
    $trail = 'cictl'
    $skip = ''
    $position = 0
    foreach ($word in ($words | Select-Object -Skip 1)) {
        if ($skip) { $skip = '' }
        elseif ($nodes[$trail].valued -ccontains $word) { $skip = $word }
        elseif ($word.StartsWith('-')) { }
        elseif ($nodes.ContainsKey("$trail $word")) { $trail = "$trail $word" }
        else { $position++ }
    }
    $node = $nodes[$trail]
    $found = @()
    $kind = ''
    if ($skip) { $kind = $kinds[$skip] }
    elseif ($wordToComplete.StartsWith('-')) { $found = $node.options }
    elseif ($node.commands.Count) { $found = $node.commands }
    elseif ($position -lt $node.arguments.Count) { $kind = $node.arguments[$position] }
    else { $kind = $node.repeated }
    if ($kind -and $static.ContainsKey($kind)) {
        $found = @($static[$kind] | ForEach-Object { , @($_, $_) })
    } elseif ($kind) {
        $found = @(& cictl __complete $kind @words "$wordToComplete" 2>$null | ForEach-Object {
            $name, $text = $_ -split "`t", 2
            if (-not $text) { $text = $name }
            , @($name, $text)
        })
    }
    $found | Where-Object { $_[0].StartsWith($wordToComplete) } | ForEach-Object {
        $name = $_[0]
        if ($name -notmatch '^[\w./:+-]+$') { $name = "'" + $name.Replace("'", "''") + "'" }
        [System.Management.Automation.CompletionResult]::new($name, $_[0], 'ParameterValue', $_[1])
    }
}

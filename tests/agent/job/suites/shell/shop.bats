@test "adds" { [ $((1 + 1)) -eq 2 ]; }
@test "fails in colour" { printf '\033[31mred ]]> <&\n'; false; }
@test "skipped" { skip "not here"; }
@test "prints what is no text" { printf '\001\002'; }

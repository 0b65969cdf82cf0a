# Completion for cictl; generated from its commands by `make docs`.
# Source it, or copy it to ~/.local/share/bash-completion/completions/cictl
_cictl() {
    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"
    local trail="cictl" commands="" options="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$trail ${COMP_WORDS[i]}" in
        "cictl serve"|"cictl run-agent"|"cictl demo"|"cictl healthcheck"|"cictl info"|"cictl lint"|"cictl run"|"cictl agents"|"cictl agents list"|"cictl agents show"|"cictl agents activate"|"cictl agents deactivate"|"cictl agents refresh-tools"|"cictl agents restart"|"cictl agents wipe-cache"|"cictl agents flush-history"|"cictl agents update"|"cictl agents exec"|"cictl projects"|"cictl projects list"|"cictl projects show"|"cictl projects import"|"cictl projects reload"|"cictl projects delete"|"cictl projects icon"|"cictl pipelines"|"cictl pipelines list"|"cictl pipelines show"|"cictl pipelines run"|"cictl pipelines preview"|"cictl pipelines source-refs"|"cictl pipelines eligible-agents"|"cictl pipelines version"|"cictl chains"|"cictl chains list"|"cictl chains show"|"cictl chains run"|"cictl chains preview"|"cictl chains source-refs"|"cictl chains eligible-agents"|"cictl jobs"|"cictl jobs list"|"cictl jobs show"|"cictl jobs logs"|"cictl jobs cancel"|"cictl jobs rerun"|"cictl jobs delete"|"cictl jobs clear-queue"|"cictl jobs flush-history"|"cictl jobs artifacts"|"cictl jobs download"|"cictl jobs tests"|"cictl jobs explain"|"cictl jobs watch"|"cictl api"|"cictl context"|"cictl context list"|"cictl context use"|"cictl context set"|"cictl context delete"|"cictl context show"|"cictl completion"|"cictl completion show"|"cictl completion install"|"cictl version") trail="$trail ${COMP_WORDS[i]}" ;;
        esac
    done
    case "$previous" in
        -o|--output) COMPREPLY=($(compgen -W "table wide json yaml name" -- "$current")); return ;;
        --status) COMPREPLY=($(compgen -W "queued leased running succeeded failed" -- "$current")); return ;;
    esac
    case "$trail" in
        "cictl")
            commands="serve run-agent demo healthcheck info lint run agents projects pipelines chains jobs api context completion version"
            options="--version -y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl serve")
            commands=""
            options="--host --port --data-dir --no-auth --agent-timeout --log-level --debug -h --help"
            ;;
        "cictl run-agent")
            commands=""
            options="--server --id --work-dir --token-file --log-level --debug -h --help"
            ;;
        "cictl demo")
            commands=""
            options="--keep --debug -h --help"
            ;;
        "cictl healthcheck")
            commands=""
            options="--wait --timeout -o --output --query --server --context --debug -h --help"
            ;;
        "cictl info")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl lint")
            commands=""
            options="-o --output --query --debug -h --help"
            ;;
        "cictl run")
            commands=""
            options="--matrix --matrix-index --dry-run --ref --agent --offline --wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents")
            commands="list show activate deactivate refresh-tools restart wipe-cache flush-history update exec"
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents list")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents show")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents activate")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents deactivate")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents refresh-tools")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents restart")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents wipe-cache")
            commands=""
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents flush-history")
            commands=""
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents update")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl agents exec")
            commands=""
            options="--shell --timeout --wait -f --follow --wait-timeout --cancel-on-interrupt -o --output --query --server --context --debug -h --help"
            ;;
        "cictl projects")
            commands="list show import reload delete icon"
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl projects list")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl projects show")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl projects import")
            commands=""
            options="--ref --file -o --output --query --server --context --debug -h --help"
            ;;
        "cictl projects reload")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl projects delete")
            commands=""
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl projects icon")
            commands=""
            options="--to --force -o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines")
            commands="list show run preview source-refs eligible-agents version"
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines list")
            commands=""
            options="--project -o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines show")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines run")
            commands=""
            options="--matrix --matrix-index --dry-run --ref --agent --offline --wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines preview")
            commands=""
            options="--matrix --matrix-index --ref --agent --offline -o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines source-refs")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines eligible-agents")
            commands=""
            options="--matrix --matrix-index --agent --dry-run -o --output --query --server --context --debug -h --help"
            ;;
        "cictl pipelines version")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl chains")
            commands="list show run preview source-refs eligible-agents"
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl chains list")
            commands=""
            options="--project -o --output --query --server --context --debug -h --help"
            ;;
        "cictl chains show")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl chains run")
            commands=""
            options="--matrix --matrix-index --dry-run --ref --agent --offline --wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --debug -h --help"
            ;;
        "cictl chains preview")
            commands=""
            options="--matrix --matrix-index --ref --agent --offline -o --output --query --server --context --debug -h --help"
            ;;
        "cictl chains source-refs")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl chains eligible-agents")
            commands=""
            options="--matrix --matrix-index --agent --dry-run -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs")
            commands="list show logs cancel rerun delete clear-queue flush-history artifacts download tests explain watch"
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs list")
            commands=""
            options="--status --project --pipeline --agent --run --limit -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs show")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs logs")
            commands=""
            options="-f --follow --offset --tail --raw -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs cancel")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs rerun")
            commands=""
            options="--wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs delete")
            commands=""
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs clear-queue")
            commands=""
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs flush-history")
            commands=""
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs artifacts")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs download")
            commands=""
            options="--prefix -C --directory --force -o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs tests")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs explain")
            commands=""
            options="-o --output --query --server --context --debug -h --help"
            ;;
        "cictl jobs watch")
            commands=""
            options="--run --timeout --cancel-on-interrupt -o --output --query --server --context --debug -h --help"
            ;;
        "cictl api")
            commands=""
            options="-f --field -F --typed-field --input --paginate -y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl context")
            commands="list use set delete show"
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl context list")
            commands=""
            options="-o --output --query --debug -h --help"
            ;;
        "cictl context use")
            commands=""
            options="-o --output --query --debug -h --help"
            ;;
        "cictl context set")
            commands=""
            options="--server --token-file --token-stdin --no-token --protected --unprotected --use -o --output --query --debug -h --help"
            ;;
        "cictl context delete")
            commands=""
            options="-y --yes -o --output --query --debug -h --help"
            ;;
        "cictl context show")
            commands=""
            options="--origins -o --output --query --server --context --debug -h --help"
            ;;
        "cictl completion")
            commands="show install"
            options="-y --yes -o --output --query --server --context --debug -h --help"
            ;;
        "cictl completion show")
            commands=""
            options="-o --output --query --debug -h --help"
            ;;
        "cictl completion install")
            commands=""
            options="-o --output --query --debug -h --help"
            ;;
        "cictl version")
            commands=""
            options="-o --output --query --debug -h --help"
            ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    else
        COMPREPLY=($(compgen -W "$commands" -- "$current"))
    fi
}
complete -o default -F _cictl cictl

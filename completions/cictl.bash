# Completion for cictl; generated from its commands by `make docs`.
# Source it, or copy it to ~/.local/share/bash-completion/completions/cictl
_cictl_node() {
    case "$1" in
    "cictl")
        commands="serve run-agent demo healthcheck info lint init convert run open agents projects pipelines chains jobs queue runs schedules notifications tests insight retention secrets login logout whoami tokens audit vault update server api store context completion version"
        options="--version -y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl serve")
        commands=""
        options="--host --port --server --tls-cert --tls-key --data-dir --store --files --no-auth --public-read --allowed-host --public-url --trusted-proxy --agent-timeout --default-timeout --poll --vault-url --max-artifacts --max-artifact-files --max-project-artifacts --min-free --max-log --max-run-jobs --max-queued-runs --max-running-per-project --max-agents --forget-agents-after --header-seconds --stalled-seconds --peer-connections --allow-http-targets --notify-command --keep-audit --log-level --debug -h --help"
        valued="--host --port --server --tls-cert --tls-key --data-dir --store --files --allowed-host --public-url --trusted-proxy --agent-timeout --default-timeout --poll --vault-url --max-artifacts --max-artifact-files --max-project-artifacts --min-free --max-log --max-run-jobs --max-queued-runs --max-running-per-project --max-agents --forget-agents-after --header-seconds --stalled-seconds --peer-connections --notify-command --keep-audit --log-level"
        arguments="" repeated=""
        ;;
    "cictl run-agent")
        commands=""
        options="--server --context --id --work-dir --token-file --ca-file --enroll-token-file --slots --label --log-level --debug -h --help"
        valued="--server --context --id --work-dir --token-file --ca-file --enroll-token-file --slots --label --log-level"
        arguments="" repeated=""
        ;;
    "cictl demo")
        commands=""
        options="--keep --debug -h --help"
        valued=""
        arguments="" repeated=""
        ;;
    "cictl healthcheck")
        commands=""
        options="--wait --timeout -o --output --query --server --context --ca-file --debug -h --help"
        valued="--timeout -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl info")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl lint")
        commands=""
        options="--schema -o --output --query --debug -h --help"
        valued="-o --output --query"
        arguments="-" repeated=""
        ;;
    "cictl init")
        commands=""
        options="--name --print --force -o --output --query --debug -h --help"
        valued="--name -o --output --query"
        arguments="-" repeated=""
        ;;
    "cictl convert")
        commands=""
        options="--write --force --name -o --output --query --debug -h --help"
        valued="--name -o --output --query"
        arguments="-" repeated=""
        ;;
    "cictl run")
        commands=""
        options="--local --worktree --matrix --matrix-index --only --reload --dry-run --ref --input --agent --priority --offline --wait -f --follow --timeout --cancel-on-interrupt --env-file --secrets-file --keep -o --output --query --server --context --ca-file --debug -h --help"
        valued="--matrix --matrix-index --ref --input --agent --priority --timeout --env-file --secrets-file -o --output --query --server --context --ca-file"
        arguments="targets" repeated=""
        ;;
    "cictl open")
        commands=""
        options="--print -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl agents")
        commands="list show activate deactivate drain refresh-tools restart wipe-cache flush-history remove update exec enroll"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl agents list")
        commands=""
        options="-w --watch -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl agents show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents activate")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents deactivate")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents drain")
        commands=""
        options="--reason --wait --timeout -o --output --query --server --context --ca-file --debug -h --help"
        valued="--reason --timeout -o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents refresh-tools")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents restart")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents wipe-cache")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents flush-history")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents remove")
        commands=""
        options="--force -y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated="agents"
        ;;
    "cictl agents update")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="agents" repeated=""
        ;;
    "cictl agents exec")
        commands=""
        options="--shell --time-limit --wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --ca-file --debug -h --help"
        valued="--shell --time-limit --timeout -o --output --query --server --context --ca-file"
        arguments="agents -" repeated=""
        ;;
    "cictl agents enroll")
        commands=""
        options="--uses --ttl -o --output --query --server --context --ca-file --debug -h --help"
        valued="--uses --ttl -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl projects")
        commands="list show import reload check set delete icon hook forge"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl projects list")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl projects show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects import")
        commands=""
        options="--ref --file --replace --as -o --output --query --server --context --ca-file --debug -h --help"
        valued="--ref --file --replace --as -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl projects reload")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects check")
        commands=""
        options="--every -o --output --query --server --context --ca-file --debug -h --help"
        valued="--every -o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects set")
        commands=""
        options="--job-tokens --public-badges --private-badges -o --output --query --server --context --ca-file --debug -h --help"
        valued="--job-tokens -o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects delete")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects icon")
        commands=""
        options="--to --force -o --output --query --server --context --ca-file --debug -h --help"
        valued="--to -o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects hook")
        commands="show rotate"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl projects hook show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects hook rotate")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects forge")
        commands="show set test remove"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl projects forge show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects forge set")
        commands=""
        options="--kind --api --token-file --repository -o --output --query --server --context --ca-file --debug -h --help"
        valued="--kind --api --token-file --repository -o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects forge test")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl projects forge remove")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl pipelines")
        commands="list show run preview source-refs eligible-agents version"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl pipelines list")
        commands=""
        options="--project -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl pipelines show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="pipelines" repeated=""
        ;;
    "cictl pipelines run")
        commands=""
        options="--local --worktree --matrix --matrix-index --only --reload --dry-run --ref --input --agent --priority --offline --wait -f --follow --timeout --cancel-on-interrupt --env-file --secrets-file --keep -o --output --query --server --context --ca-file --debug -h --help"
        valued="--matrix --matrix-index --ref --input --agent --priority --timeout --env-file --secrets-file -o --output --query --server --context --ca-file"
        arguments="pipeline-targets" repeated=""
        ;;
    "cictl pipelines preview")
        commands=""
        options="--matrix --matrix-index --only --ref --input --agent --offline -o --output --query --server --context --ca-file --debug -h --help"
        valued="--matrix --matrix-index --ref --input --agent -o --output --query --server --context --ca-file"
        arguments="pipeline-targets" repeated=""
        ;;
    "cictl pipelines source-refs")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="pipelines" repeated=""
        ;;
    "cictl pipelines eligible-agents")
        commands=""
        options="--matrix --matrix-index --only --input --agent --dry-run -o --output --query --server --context --ca-file --debug -h --help"
        valued="--matrix --matrix-index --input --agent -o --output --query --server --context --ca-file"
        arguments="pipeline-targets" repeated=""
        ;;
    "cictl pipelines version")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="pipelines" repeated=""
        ;;
    "cictl chains")
        commands="list show run preview source-refs eligible-agents"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl chains list")
        commands=""
        options="--project -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl chains show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="chains" repeated=""
        ;;
    "cictl chains run")
        commands=""
        options="--local --worktree --matrix --matrix-index --only --reload --dry-run --ref --input --agent --priority --offline --wait -f --follow --timeout --cancel-on-interrupt --env-file --secrets-file --keep -o --output --query --server --context --ca-file --debug -h --help"
        valued="--matrix --matrix-index --ref --input --agent --priority --timeout --env-file --secrets-file -o --output --query --server --context --ca-file"
        arguments="chains" repeated=""
        ;;
    "cictl chains preview")
        commands=""
        options="--matrix --matrix-index --only --ref --input --agent --offline -o --output --query --server --context --ca-file --debug -h --help"
        valued="--matrix --matrix-index --ref --input --agent -o --output --query --server --context --ca-file"
        arguments="chains" repeated=""
        ;;
    "cictl chains source-refs")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="chains" repeated=""
        ;;
    "cictl chains eligible-agents")
        commands=""
        options="--matrix --matrix-index --only --input --agent --dry-run -o --output --query --server --context --ca-file --debug -h --help"
        valued="--matrix --matrix-index --input --agent -o --output --query --server --context --ca-file"
        arguments="chains" repeated=""
        ;;
    "cictl jobs")
        commands="list show logs cancel prioritize rerun delete clear-queue flush-history artifacts download tests explain watch"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl jobs list")
        commands=""
        options="--status --project --pipeline --agent --run --limit -w --watch -o --output --query --server --context --ca-file --debug -h --help"
        valued="--status --project --pipeline --agent --run --limit -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl jobs show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="jobs" repeated=""
        ;;
    "cictl jobs logs")
        commands=""
        options="--run -f --follow --tail --since --step --failed --grep -t --timestamps --offset --raw -o --output --query --server --context --ca-file --debug -h --help"
        valued="--run --tail --since --step --grep --offset -o --output --query --server --context --ca-file"
        arguments="jobs" repeated=""
        ;;
    "cictl jobs cancel")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="jobs" repeated="jobs"
        ;;
    "cictl jobs prioritize")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="jobs -" repeated=""
        ;;
    "cictl jobs rerun")
        commands=""
        options="--wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --ca-file --debug -h --help"
        valued="--timeout -o --output --query --server --context --ca-file"
        arguments="jobs" repeated="jobs"
        ;;
    "cictl jobs delete")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="jobs" repeated="jobs"
        ;;
    "cictl jobs clear-queue")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl jobs flush-history")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl jobs artifacts")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="jobs" repeated=""
        ;;
    "cictl jobs download")
        commands=""
        options="--all --prefix --name -O -C --directory --force -o --output --query --server --context --ca-file --debug -h --help"
        valued="--prefix --name -O -C --directory -o --output --query --server --context --ca-file"
        arguments="jobs -" repeated=""
        ;;
    "cictl jobs tests")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="jobs" repeated=""
        ;;
    "cictl jobs explain")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="jobs" repeated=""
        ;;
    "cictl jobs watch")
        commands=""
        options="--run --timeout --cancel-on-interrupt -o --output --query --server --context --ca-file --debug -h --help"
        valued="--run --timeout -o --output --query --server --context --ca-file"
        arguments="jobs" repeated="jobs"
        ;;
    "cictl queue")
        commands="show pause resume"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl queue show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl queue pause")
        commands=""
        options="--reason --project -o --output --query --server --context --ca-file --debug -h --help"
        valued="--reason --project -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl queue resume")
        commands=""
        options="--project -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl runs")
        commands="list show summary watch approve reject cancel rerun pin unpin"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl runs list")
        commands=""
        options="--status --project --pipeline --branch --since --limit -w --watch -o --output --query --server --context --ca-file --debug -h --help"
        valued="--status --project --pipeline --branch --since --limit -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl runs show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl runs summary")
        commands=""
        options="--max-bytes -o --output --query --server --context --ca-file --debug -h --help"
        valued="--max-bytes -o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl runs watch")
        commands=""
        options="-f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --ca-file --debug -h --help"
        valued="--timeout -o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl runs approve")
        commands=""
        options="--reason -o --output --query --server --context --ca-file --debug -h --help"
        valued="--reason -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl runs reject")
        commands=""
        options="--reason -o --output --query --server --context --ca-file --debug -h --help"
        valued="--reason -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl runs cancel")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl runs rerun")
        commands=""
        options="--failed --wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --ca-file --debug -h --help"
        valued="--timeout -o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl runs pin")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl runs unpin")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="runs" repeated=""
        ;;
    "cictl schedules")
        commands="list next pause resume run"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl schedules list")
        commands=""
        options="--project -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl schedules next")
        commands=""
        options="--count -o --output --query --server --context --ca-file --debug -h --help"
        valued="--count -o --output --query --server --context --ca-file"
        arguments="targets" repeated=""
        ;;
    "cictl schedules pause")
        commands=""
        options="--reason -o --output --query --server --context --ca-file --debug -h --help"
        valued="--reason -o --output --query --server --context --ca-file"
        arguments="schedules" repeated=""
        ;;
    "cictl schedules resume")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="schedules" repeated=""
        ;;
    "cictl schedules run")
        commands=""
        options="--wait -f --follow --timeout --cancel-on-interrupt -o --output --query --server --context --ca-file --debug -h --help"
        valued="--timeout -o --output --query --server --context --ca-file"
        arguments="schedules" repeated=""
        ;;
    "cictl notifications")
        commands="list test"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl notifications list")
        commands=""
        options="--project --state --limit -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --state --limit -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl notifications test")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="projects" repeated=""
        ;;
    "cictl tests")
        commands="list flaky slow show"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl tests list")
        commands=""
        options="--project --pipeline --limit -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --pipeline --limit -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl tests flaky")
        commands=""
        options="--project --pipeline --limit -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --pipeline --limit -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl tests slow")
        commands=""
        options="--project --pipeline --limit -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --pipeline --limit -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl tests show")
        commands=""
        options="--project --pipeline -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --pipeline -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl insight")
        commands="pipelines branches agents"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl insight pipelines")
        commands=""
        options="--project --pipeline -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --pipeline -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl insight branches")
        commands=""
        options="--project --pipeline -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --pipeline -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl insight agents")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl retention")
        commands="show set preview run"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl retention show")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl retention set")
        commands=""
        options="--project --keep-runs --keep-days --artifact-days --log-days --reset -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --keep-runs --keep-days --artifact-days --log-days -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl retention preview")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl retention run")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl secrets")
        commands="list set remove rotate-key"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl secrets list")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl secrets set")
        commands=""
        options="--project --branch --from-file -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project --branch --from-file -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl secrets remove")
        commands=""
        options="--project -y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="--project -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl secrets rotate-key")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl login")
        commands=""
        options="--token-file --ca-file -o --output --query --debug -h --help"
        valued="--token-file --ca-file -o --output --query"
        arguments="-" repeated=""
        ;;
    "cictl logout")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl whoami")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl tokens")
        commands="list create revoke rotate"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl tokens list")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl tokens create")
        commands=""
        options="--role --agent --project --ttl --data-dir --store -o --output --query --server --context --ca-file --debug -h --help"
        valued="--role --agent --project --ttl --data-dir --store -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl tokens revoke")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl tokens rotate")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl audit")
        commands="list verify"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl audit list")
        commands=""
        options="--actor --action --target --since --limit -f --follow -o --output --query --server --context --ca-file --debug -h --help"
        valued="--actor --action --target --since --limit -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl audit verify")
        commands=""
        options="--data-dir -o --output --query --server --context --ca-file --debug -h --help"
        valued="--data-dir -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl vault")
        commands="list add delete test"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl vault list")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl vault add")
        commands=""
        options="--url --role-id --secret-id-env --approle-mount --namespace --kv-mount --kv-version --ca-file -o --output --query --server --context --debug -h --help"
        valued="--url --role-id --secret-id-env --approle-mount --namespace --kv-mount --kv-version --ca-file -o --output --query --server --context"
        arguments="vault-connections" repeated=""
        ;;
    "cictl vault delete")
        commands=""
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="vault-connections" repeated=""
        ;;
    "cictl vault test")
        commands=""
        options="--secret --key --mount --kv-version --secret-id-file --secret-id-stdin --secret-id-var --ask-secret-id -o --output --query --server --context --ca-file --debug -h --help"
        valued="--secret --key --mount --kv-version --secret-id-file --secret-id-var -o --output --query --server --context --ca-file"
        arguments="vault-connections" repeated=""
        ;;
    "cictl update")
        commands="check tags status apply rollback"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl update check")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl update tags")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl update status")
        commands=""
        options="-o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl update apply")
        commands=""
        options="--version --no-wait --timeout -y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="--version --timeout -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl update rollback")
        commands=""
        options="--no-wait --timeout -y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="--timeout -o --output --query --server --context --ca-file"
        arguments="-" repeated=""
        ;;
    "cictl server")
        commands="restart"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl server restart")
        commands=""
        options="--wait --timeout -y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="--timeout -o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl api")
        commands=""
        options="-d --field -D --typed-field --input --paginate -y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-d --field -D --typed-field --input -o --output --query --server --context --ca-file"
        arguments="methods -" repeated=""
        ;;
    "cictl store")
        commands="check backup restore compact export copy"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl store check")
        commands=""
        options="--data-dir --store --files -o --output --query --debug -h --help"
        valued="--data-dir --store --files -o --output --query"
        arguments="" repeated=""
        ;;
    "cictl store backup")
        commands=""
        options="--data-dir --key-file --store --files -o --output --query --debug -h --help"
        valued="--data-dir --key-file --store --files -o --output --query"
        arguments="-" repeated=""
        ;;
    "cictl store restore")
        commands=""
        options="--data-dir --key-file --store --files -y --yes -o --output --query --debug -h --help"
        valued="--data-dir --key-file --store --files -o --output --query"
        arguments="-" repeated=""
        ;;
    "cictl store compact")
        commands=""
        options="--data-dir -o --output --query --debug -h --help"
        valued="--data-dir -o --output --query"
        arguments="" repeated=""
        ;;
    "cictl store export")
        commands=""
        options="--data-dir -o --output --query --debug -h --help"
        valued="--data-dir -o --output --query"
        arguments="" repeated=""
        ;;
    "cictl store copy")
        commands=""
        options="--from --to --files --dir-files -o --output --query --debug -h --help"
        valued="--from --to --files --dir-files -o --output --query"
        arguments="" repeated=""
        ;;
    "cictl context")
        commands="list use set delete show"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl context list")
        commands=""
        options="-o --output --query --debug -h --help"
        valued="-o --output --query"
        arguments="" repeated=""
        ;;
    "cictl context use")
        commands=""
        options="-o --output --query --debug -h --help"
        valued="-o --output --query"
        arguments="contexts" repeated=""
        ;;
    "cictl context set")
        commands=""
        options="--server --token-file --token-stdin --no-token --ca-file --client-cert --client-key --protected --unprotected --use -o --output --query --debug -h --help"
        valued="--server --token-file --ca-file --client-cert --client-key -o --output --query"
        arguments="contexts" repeated=""
        ;;
    "cictl context delete")
        commands=""
        options="-y --yes -o --output --query --debug -h --help"
        valued="-o --output --query"
        arguments="contexts" repeated=""
        ;;
    "cictl context show")
        commands=""
        options="--origins -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="contexts" repeated=""
        ;;
    "cictl completion")
        commands="show install"
        options="-y --yes -o --output --query --server --context --ca-file --debug -h --help"
        valued="-o --output --query --server --context --ca-file"
        arguments="" repeated=""
        ;;
    "cictl completion show")
        commands=""
        options="-o --output --query --debug -h --help"
        valued="-o --output --query"
        arguments="shells" repeated=""
        ;;
    "cictl completion install")
        commands=""
        options="-o --output --query --debug -h --help"
        valued="-o --output --query"
        arguments="shells" repeated=""
        ;;
    "cictl version")
        commands=""
        options="-o --output --query --debug -h --help"
        valued="-o --output --query"
        arguments="" repeated=""
        ;;
    "cictl stage")
        commands=""
        options="--home --data-dir -o --output --query --debug -h --help"
        valued="--home --data-dir -o --output --query"
        arguments="-" repeated=""
        ;;
    "cictl apply-staged-update")
        commands=""
        options="--home --data-dir --debug -h --help"
        valued="--home --data-dir"
        arguments="" repeated=""
        ;;
    "cictl self-check")
        commands=""
        options="--data-dir --store -o --output --query --debug -h --help"
        valued="--data-dir --store -o --output --query"
        arguments="" repeated=""
        ;;
    *) return 1 ;;
    esac
}

_cictl_kind() {
    case "$1" in
    --agent) kind=agents ;;
    --context) kind=contexts ;;
    --pipeline) kind=pipeline-names ;;
    --project) kind=projects ;;
    --run) kind=runs ;;
    --state) kind=notification-states ;;
    --status) kind=run-statuses ;;
    --status) kind=statuses ;;
    -o|--output) kind=formats ;;
    *) kind="" ;;
    esac
}

_cictl() {
    local words word current typed name breaks skip="" kind="" trail="cictl" position=0 i
    local commands options valued arguments repeated
    local line="${COMP_LINE:0:COMP_POINT}"
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    current="${words[${#words[@]} - 1]}"
    _cictl_node cictl
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word="${words[i]}"
        if [[ -n $skip ]]; then
            skip=""
        elif [[ " $valued " == *" $word "* ]]; then
            skip="$word"
        elif [[ $word == -* ]]; then
            :
        elif [[ -n $commands ]] && _cictl_node "$trail $word"; then
            trail="$trail $word"
        else
            position=$((position + 1))
        fi
    done
    COMPREPLY=()
    if [[ -n $skip ]]; then
        _cictl_kind "$skip"
    elif [[ $current == --*=* ]]; then
        _cictl_kind "${current%%=*}"
        words[${#words[@]} - 1]="${current#*=}"
        current="${current#*=}"
    elif [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
        return
    elif [[ -n $commands ]]; then
        COMPREPLY=($(compgen -W "$commands" -- "$current"))
        return
    else
        local kinds=($arguments)
        kind="${kinds[position]:-$repeated}"
        kind="${kind#-}"
    fi
    [[ -z $kind ]] && return
    case "$kind" in
    formats) COMPREPLY=($(compgen -W "table wide json yaml name" -- "$current")) ;;
    statuses) COMPREPLY=($(compgen -W "queued leased running succeeded failed cancelled active finished" -- "$current")) ;;
    run-statuses) COMPREPLY=($(compgen -W "queued running waiting_approval succeeded failed cancelled active finished" -- "$current")) ;;
    notification-states) COMPREPLY=($(compgen -W "waiting delivered given_up" -- "$current")) ;;
    shells) COMPREPLY=($(compgen -W "bash zsh fish powershell" -- "$current")) ;;
    methods) COMPREPLY=($(compgen -W "GET POST DELETE" -- "$current")) ;;
    *)
        compopt +o default 2>/dev/null
        # Behind a colon bash completes a word of its own.
        breaks="${COMP_WORDBREAKS//[!:=]/}"
        typed="$current"
        [[ -n $breaks ]] && typed="${current##*[$breaks]}"
        while IFS=$'\t' read -r name _; do
            [[ $name == "$current"* ]] || continue
            printf -v name %q "${name#"${current%"$typed"}"}"
            COMPREPLY+=("$name")
        done < <(command cictl __complete "$kind" "${words[@]}" 2>/dev/null)
        ;;
    esac
}
complete -o default -F _cictl cictl

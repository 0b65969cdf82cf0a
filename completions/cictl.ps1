# Completion for cictl; generated from its commands by `make docs`.
# Dot-source it from $PROFILE.
Register-ArgumentCompleter -Native -CommandName cictl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $nodes = @{
        'cictl' = @{
            commands = @(
                , @('serve', 'Run the server.');
                , @('run-agent', 'Run an agent that executes jobs.');
                , @('demo', 'Try everything: a server, an agent, a project.');
                , @('healthcheck', 'Check that the server is up and well.');
                , @('info', 'Show the server and its state.');
                , @('lint', 'Check a project file; needs no server.');
                , @('init', 'Write the project file of a repository.');
                , @('convert', 'Tell a file of another CI as a project file.');
                , @('run', 'Run a pipeline, one of its jobs, or a chain.');
                , @('open', 'Open the page of a run, a job or a project in a browser.');
                , @('agents', 'Agents: list show activate deactivate drain refresh-tools restart wipe-cache flush-history remove update exec enroll.');
                , @('projects', 'Projects: list show import reload check set delete icon hook forge.');
                , @('pipelines', 'Pipelines: list show run preview source-refs eligible-agents version.');
                , @('chains', 'Chains: list show run preview source-refs eligible-agents.');
                , @('jobs', 'Jobs: list show logs cancel prioritize rerun delete clear-queue flush-history artifacts download tests explain watch.');
                , @('queue', 'Whether jobs are given out: show pause resume.');
                , @('runs', 'Runs: list show summary watch approve reject cancel rerun pin unpin.');
                , @('schedules', 'Runs that start by the clock: list next pause resume run.');
                , @('notifications', 'What the server tells others when runs end: list test.');
                , @('tests', 'Tests over time: list flaky slow show.');
                , @('insight', 'How runs went, and how much agents worked: pipelines branches agents.');
                , @('retention', 'How long runs, logs and artifacts are kept: show set preview run.');
                , @('secrets', 'Secrets that the server keeps for jobs: list set remove rotate-key.');
                , @('login', 'Log in to a server, and use it from now on.');
                , @('logout', 'Forget a server''s token.');
                , @('whoami', 'Show whom the server takes you for.');
                , @('tokens', 'Who may do what: list create revoke rotate.');
                , @('audit', 'Who did what on the server: list verify.');
                , @('vault', 'Vaults that jobs take secrets from: list add delete test.');
                , @('update', 'Versions of the server: check tags status apply rollback.');
                , @('server', 'The server itself: restart.');
                , @('api', 'Call the API itself, as it is.');
                , @('store', 'The server''s data: check backup restore compact export copy.');
                , @('context', 'Named servers: list use set delete show.');
                , @('completion', 'Completion in a shell: show install.');
                , @('version', 'Show the version of cictl.');)
            options = @(
                , @('--version', 'Show the version and exit.');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl serve' = @{
            commands = @()
            options = @(
                , @('--host', 'Address to listen on; on others than loopback everybody needs a token. [env var: CICTL_HOST; default: (that of CICTL_SERVER_ADDR, else 127.0.0.1)]');
                , @('--port', 'Port; 0 takes a free one. [env var: CICTL_PORT; default: (that of CICTL_SERVER_ADDR, else 8112); 0<=x<=65535]');
                , @('--server', 'What answers requests. granian, of cictl[granian], needs less of the processor and serves TLS; docs/operations.md tells the differences. [env var: CICTL_SERVER_KIND; default: (granian where it is installed, else waitress)]');
                , @('--tls-cert', 'Serve https with this certificate and its chain, a PEM file; needs granian. [env var: CICTL_TLS_CERT]');
                , @('--tls-key', 'The key of the certificate, a PEM file. [env var: CICTL_TLS_KEY]');
                , @('--data-dir', 'Where everything is kept; default: the user''s data directory. [env var: CICTL_DATA_DIR]');
                , @('--store', 'Keep the records in PostgreSQL, postgresql://USER@HOST:PORT/DATABASE, and only files in the data directory. The password may come from PGPASSWORD or ~/.pgpass. [env var: CICTL_STORE; default: (the data directory)]');
                , @('--files', 'Where artifacts and reports are kept: a directory, or s3://bucket/prefix with the AWS_* variables. [env var: CICTL_FILES; default: (the data directory)]');
                , @('--no-auth', 'Ask nobody for a token, whoever reaches the address; refused once there are tokens.');
                , @('--public-read', 'Let everybody who reaches the address read what a viewer may, logs and artifacts too, without a token. [env var: CICTL_PUBLIC_READ]');
                , @('--allowed-host', 'Answer under this name too, as a proxy or another machine asks for; .example.com means all names below. May be repeated. The variable holds several, separated by blanks. [env var: CICTL_ALLOWED_HOSTS]');
                , @('--public-url', 'The address that browsers show, if a proxy with another one is in front: https://ci.example.com. [env var: CICTL_PUBLIC_URL]');
                , @('--trusted-proxy', 'Believe this proxy, an address or a network, whose requests it passes on (X-Forwarded-For) and whether by https (X-Forwarded-Proto). May be repeated. The variable holds several, separated by blanks. [env var: CICTL_TRUSTED_PROXIES]');
                , @('--agent-timeout', 'Give up on the jobs of an agent silent for this long. [default: 60; x>=10]');
                , @('--default-timeout', 'Time limit of jobs that state none; 0 for none. [env var: CICTL_DEFAULT_TIMEOUT; default: 86400; x>=0]');
                , @('--poll', 'How often the repositories of projects are looked at for new commits; 0 leaves it to webhooks and `projects check`. [env var: CICTL_POLL; default: 60; 0<=x<=86400]');
                , @('--vault-url', 'Take secrets only from this Vault; may be repeated. The variable holds several, separated by blanks. [env var: CICTL_VAULT_URLS]');
                , @('--max-artifacts', 'How much one job may keep in artifacts, unpacked: 500MiB, 20GiB; 0 for any size. [env var: CICTL_MAX_ARTIFACTS; default: 8GiB]');
                , @('--max-artifact-files', 'How many artifacts one job may keep; 0 for any number. [env var: CICTL_MAX_ARTIFACT_FILES; default: 50000; x>=0]');
                , @('--max-project-artifacts', 'How much all jobs of one project may keep in artifacts: 100GiB; 0 for any size. [env var: CICTL_MAX_PROJECT_ARTIFACTS; default: 0]');
                , @('--min-free', 'Take no new runs and artifacts while less than this is free on the disk of the data directory, or of --files; 0 for no limit. [env var: CICTL_MIN_FREE; default: (1GiB, or 5 % of a smaller disk)]');
                , @('--max-log', 'How much of one job''s log is kept: 500MiB, 2GiB; 0 for any size. [env var: CICTL_MAX_LOG; default: 1GiB]');
                , @('--max-run-jobs', 'How many jobs one run may have; 0 for any number. [env var: CICTL_MAX_RUN_JOBS; default: 10000; x>=0]');
                , @('--max-queued-runs', 'How many runs of one project may wait or run at once; 0 for any number. [env var: CICTL_MAX_QUEUED_RUNS; default: 1000; x>=0]');
                , @('--max-running-per-project', 'How many jobs of one project agents may have at once; the others wait. 0 for any number. [env var: CICTL_MAX_RUNNING_PER_PROJECT; default: 0; x>=0]');
                , @('--max-agents', 'How many agents may be known; further ones are refused. 0 for any number. [env var: CICTL_MAX_AGENTS; default: 5000; x>=0]');
                , @('--forget-agents-after', 'Forget agents that were silent for this long, unless deactivated or draining: 12h, 90d; 0 for never. [env var: CICTL_FORGET_AGENTS_AFTER; default: 30d]');
                , @('--header-seconds', 'How long the header of a request may take in all. [env var: CICTL_HEADER_SECONDS; default: 10.0; x>=1]');
                , @('--stalled-seconds', 'Close the connection of a client that takes no byte of an answer for this long. [env var: CICTL_STALLED_SECONDS; default: 30.0; x>=1]');
                , @('--peer-connections', 'Connections of one address at most, such as of a proxy; past that the most silent one is closed. [env var: CICTL_PEER_CONNECTIONS; default: 5000; x>=1]');
                , @('--allow-http-targets', 'Let notifications and statuses of commits go to this machine, and without TLS. [env var: CICTL_ALLOW_HTTP_TARGETS]');
                , @('--notify-command', 'Let project files have this program told, by its name: `notify: [{on: [broken], command: NAME}]`. May be repeated. The variable holds several, separated by blanks. [env var: CICTL_NOTIFY_COMMANDS]');
                , @('--keep-audit', 'How long the records of the audit are kept, such as 90d; 0 for ever. [env var: CICTL_KEEP_AUDIT; default: 400d]');
                , @('--log-level', 'debug, info, warning or error. [env var: CICTL_LOG_LEVEL, CIWI_LOG_LEVEL; default: info]');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--host', '--port', '--server', '--tls-cert', '--tls-key', '--data-dir', '--store', '--files', '--allowed-host', '--public-url', '--trusted-proxy', '--agent-timeout', '--default-timeout', '--poll', '--vault-url', '--max-artifacts', '--max-artifact-files', '--max-project-artifacts', '--min-free', '--max-log', '--max-run-jobs', '--max-queued-runs', '--max-running-per-project', '--max-agents', '--forget-agents-after', '--header-seconds', '--stalled-seconds', '--peer-connections', '--notify-command', '--keep-audit', '--log-level')
            arguments = @()
            repeated = ''
        }
        'cictl run-agent' = @{
            commands = @()
            options = @(
                , @('--server', 'The server; else CICTL_SERVER_URL.');
                , @('--context', 'A named server of the context file, with its token.');
                , @('--id', 'This agent''s name; else CICTL_AGENT_ID, else agent-HOSTNAME.');
                , @('--work-dir', 'Where it works; else CICTL_AGENT_WORKDIR, else .cictl-agent/work.');
                , @('--token-file', 'A file with the token; else CICTL_TOKEN or CICTL_TOKEN_FILE.');
                , @('--ca-file', 'Trust the certificates in this PEM file alone; else CICTL_CA_FILE.');
                , @('--enroll-token-file', 'Trade the enrolment token in this file once for a token of its own; else CICTL_ENROLL_TOKEN_FILE.');
                , @('--slots', 'How many jobs to run at once; else CICTL_AGENT_SLOTS, else 1.');
                , @('--label', 'Something that it offers to the runs_on of jobs, such as gpu=a100; may be repeated; else CICTL_AGENT_LABELS.');
                , @('--log-level', 'debug, info, warning or error. [default: info]');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--server', '--context', '--id', '--work-dir', '--token-file', '--ca-file', '--enroll-token-file', '--slots', '--label', '--log-level')
            arguments = @()
            repeated = ''
        }
        'cictl demo' = @{
            commands = @()
            options = @(
                , @('--keep', 'Let server and agent go on afterwards, until Ctrl-C.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @()
            arguments = @()
            repeated = ''
        }
        'cictl healthcheck' = @{
            commands = @()
            options = @(
                , @('--wait', 'Try again until it is healthy.');
                , @('--timeout', 'How long --wait tries. [default: 60.0; x>=0]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl info' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl lint' = @{
            commands = @()
            options = @(
                , @('--schema', 'Print the JSON schema of project files for editors, and check nothing.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query')
            arguments = @('')
            repeated = ''
        }
        'cictl init' = @{
            commands = @()
            options = @(
                , @('--name', 'The project''s name; default: that of the repository.');
                , @('--print', 'Print the file, and write nothing.');
                , @('--force', 'Replace the file that is there.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--name', '-o', '--output', '--query')
            arguments = @('')
            repeated = ''
        }
        'cictl convert' = @{
            commands = @()
            options = @(
                , @('--write', 'Write it as cictl.yaml of the repository, instead of to stdout.');
                , @('--force', 'Replace the file that is there.');
                , @('--name', 'The project''s name; default: that of the repository.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--name', '-o', '--output', '--query')
            arguments = @('')
            repeated = ''
        }
        'cictl run' = @{
            commands = @()
            options = @(
                , @('--local', 'Run the working tree of this checkout here, with a server and an agent of its own.');
                , @('--worktree', 'Send the files of this checkout as they are, and build these; nothing is pushed.');
                , @('--matrix', 'Only the matrix entry of this name.');
                , @('--matrix-index', 'Only this matrix entry, counted from 0. [x>=0]');
                , @('--only', 'Leave out the jobs that the selected ones need.');
                , @('--reload', 'Load the project''s file again first.');
                , @('--dry-run', 'Skip the steps that the project file marks for it.');
                , @('--ref', 'Branch, tag or commit instead of the pipeline''s own.');
                , @('--input', 'Value of an input of the pipeline; may be repeated.');
                , @('--agent', 'Run every job on this agent.');
                , @('--priority', 'Of what waits, the highest goes first; default: what the project file says. [-100<=x<=100]');
                , @('--offline', 'Build the commit and version of an earlier run; the server asks no remote.');
                , @('--wait', 'Wait for the end; the exit code is the result.');
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('--env-file', 'With --local: variables of all jobs, NAME=value a line.');
                , @('--secrets-file', 'With --local: the secrets that jobs name, NAME=value a line.');
                , @('--keep', 'With --local: leave logs and artifacts behind, and say where.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--matrix', '--matrix-index', '--ref', '--input', '--agent', '--priority', '--timeout', '--env-file', '--secrets-file', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('targets')
            repeated = ''
        }
        'cictl open' = @{
            commands = @()
            options = @(
                , @('--print', 'Print the address only, and open nothing.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl agents' = @{
            commands = @(
                , @('list', 'List the agents.');
                , @('show', 'Show one agent, its capabilities and its recent log.');
                , @('activate', 'Let an agent lease jobs again that was deactivated or drains.');
                , @('deactivate', 'Stop an agent from leasing jobs; cancels its active job.');
                , @('drain', 'Let an agent end the jobs that it has, and give it no others.');
                , @('refresh-tools', 'Let an agent look again which tools it has, even while it works.');
                , @('restart', 'Let an agent restart itself, once its jobs are over.');
                , @('wipe-cache', 'Let an agent delete all its caches, once its job is over.');
                , @('flush-history', 'Delete the jobs that an agent has finished, and its workspaces.');
                , @('remove', 'Forget agents that are gone; the jobs that they ran stay.');
                , @('update', 'Let an agent update itself to the server''s version, once its job is over.');
                , @('exec', 'Run a script on one agent, as a job outside all projects.');
                , @('enroll', 'Make a token that agents trade for tokens of their own, and write it to standard output, this once.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl agents list' = @{
            commands = @()
            options = @(
                , @('-w', 'Go on showing how they change, until Ctrl-C.');
                , @('--watch', 'Go on showing how they change, until Ctrl-C.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl agents show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents activate' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents deactivate' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents drain' = @{
            commands = @()
            options = @(
                , @('--reason', 'Why; lists and `jobs explain` show it. [required]');
                , @('--wait', 'Wait until it has no job.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--reason', '--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents refresh-tools' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents restart' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents wipe-cache' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents flush-history' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents remove' = @{
            commands = @()
            options = @(
                , @('--force', 'Also one that is online or has a job, which is cancelled.');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = 'agents'
        }
        'cictl agents update' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents')
            repeated = ''
        }
        'cictl agents exec' = @{
            commands = @()
            options = @(
                , @('--shell', 'posix, cmd or powershell; default: the agent''s first.');
                , @('--time-limit', 'Stop the script after this long. [default: 600; x>=1]');
                , @('--wait', 'Wait for the end; the exit code is the result.');
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--shell', '--time-limit', '--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('agents', '')
            repeated = ''
        }
        'cictl agents enroll' = @{
            commands = @()
            options = @(
                , @('--uses', 'How many agents may use it. [default: 1; x>=1]');
                , @('--ttl', 'How long it counts, such as 1h. [default: 24h]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--uses', '--ttl', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl projects' = @{
            commands = @(
                , @('list', 'List the projects.');
                , @('show', 'Show one project with its pipelines and chains.');
                , @('import', 'Import a project from a git repository.');
                , @('reload', 'Read a project''s file again from its repository.');
                , @('check', 'Look at a project''s repository now, and start the runs that new commits ask for.');
                , @('set', 'Change what the server decides about a project; `projects show` tells it.');
                , @('delete', 'Delete a project, its pipelines and its chains.');
                , @('icon', 'Get the image that a project''s repository has as its icon or logo.');
                , @('hook', 'Webhooks of a project, which tell of pushes: show rotate.');
                , @('forge', 'Commits that show how runs stand: show set test remove.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl projects list' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl projects show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects import' = @{
            commands = @()
            options = @(
                , @('--ref', 'Branch, tag or commit; else the default branch, and what that becomes.');
                , @('--file', 'Name of the project file in the root.');
                , @('--replace', 'Move this project here; its history is kept.');
                , @('--as', 'Name of the project, instead of the file''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--ref', '--file', '--replace', '--as', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl projects reload' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects check' = @{
            commands = @()
            options = @(
                , @('--every', 'From now on, look by itself so often; 0 for never, -1 for what `serve --poll` says. [-1<=x<=86400]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--every', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects set' = @{
            commands = @()
            options = @(
                , @('--job-tokens', 'What its jobs may do with their token: start runs of this project, or none.');
                , @('--public-badges', 'Whether badges of its pipelines are there without a token.');
                , @('--private-badges', 'Whether badges of its pipelines are there without a token.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--job-tokens', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects delete' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects icon' = @{
            commands = @()
            options = @(
                , @('--to', 'Write the image into this file.');
                , @('--force', 'Overwrite the file.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--to', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects hook' = @{
            commands = @(
                , @('show', 'Show where a forge sends the webhooks of a project, and when the last one came.');
                , @('rotate', 'Make another secret for the webhooks of a project, and show it this once.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl projects hook show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects hook rotate' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects forge' = @{
            commands = @(
                , @('show', 'Show which forge is told of a project''s runs, how many statuses it has not taken yet, and why.');
                , @('set', 'Let the commits that a project''s runs build show how they stand.');
                , @('test', 'Ask the forge for the repository, with the token.');
                , @('remove', 'Tell no forge of a project''s runs any more, and forget the token.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl projects forge show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects forge set' = @{
            commands = @()
            options = @(
                , @('--kind', 'Whose API it is; gitea for Forgejo too. [required]');
                , @('--api', 'What the URLs of its API begin with. [required]');
                , @('--token-file', 'A file with a token that may set statuses of commits. [required]');
                , @('--repository', 'Default: what the URL of the repository says.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--kind', '--api', '--token-file', '--repository', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects forge test' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl projects forge remove' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl pipelines' = @{
            commands = @(
                , @('list', 'List the pipelines of all projects.');
                , @('show', 'Show one pipeline with its jobs and steps.');
                , @('run', 'Run a pipeline, or one of its jobs.');
                , @('preview', 'Show what a run would do, and what it lacks.');
                , @('source-refs', 'List the branches that a pipeline could be run from.');
                , @('eligible-agents', 'List the agents that could take every job of a run.');
                , @('version', 'Resolve the version that a run would have now.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl pipelines list' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl pipelines show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('pipelines')
            repeated = ''
        }
        'cictl pipelines run' = @{
            commands = @()
            options = @(
                , @('--local', 'Run the working tree of this checkout here, with a server and an agent of its own.');
                , @('--worktree', 'Send the files of this checkout as they are, and build these; nothing is pushed.');
                , @('--matrix', 'Only the matrix entry of this name.');
                , @('--matrix-index', 'Only this matrix entry, counted from 0. [x>=0]');
                , @('--only', 'Leave out the jobs that the selected ones need.');
                , @('--reload', 'Load the project''s file again first.');
                , @('--dry-run', 'Skip the steps that the project file marks for it.');
                , @('--ref', 'Branch, tag or commit instead of the pipeline''s own.');
                , @('--input', 'Value of an input of the pipeline; may be repeated.');
                , @('--agent', 'Run every job on this agent.');
                , @('--priority', 'Of what waits, the highest goes first; default: what the project file says. [-100<=x<=100]');
                , @('--offline', 'Build the commit and version of an earlier run; the server asks no remote.');
                , @('--wait', 'Wait for the end; the exit code is the result.');
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('--env-file', 'With --local: variables of all jobs, NAME=value a line.');
                , @('--secrets-file', 'With --local: the secrets that jobs name, NAME=value a line.');
                , @('--keep', 'With --local: leave logs and artifacts behind, and say where.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--matrix', '--matrix-index', '--ref', '--input', '--agent', '--priority', '--timeout', '--env-file', '--secrets-file', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('pipeline-targets')
            repeated = ''
        }
        'cictl pipelines preview' = @{
            commands = @()
            options = @(
                , @('--matrix', 'Only the matrix entry of this name.');
                , @('--matrix-index', 'Only this matrix entry, counted from 0. [x>=0]');
                , @('--only', 'Leave out the jobs that the selected ones need.');
                , @('--ref', 'Branch, tag or commit instead of the pipeline''s own.');
                , @('--input', 'Value of an input of the pipeline; may be repeated.');
                , @('--agent', 'Run every job on this agent.');
                , @('--offline', 'Build the commit and version of an earlier run; the server asks no remote.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--matrix', '--matrix-index', '--ref', '--input', '--agent', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('pipeline-targets')
            repeated = ''
        }
        'cictl pipelines source-refs' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('pipelines')
            repeated = ''
        }
        'cictl pipelines eligible-agents' = @{
            commands = @()
            options = @(
                , @('--matrix', 'Only the matrix entry of this name.');
                , @('--matrix-index', 'Only this matrix entry, counted from 0. [x>=0]');
                , @('--only', 'Leave out the jobs that the selected ones need.');
                , @('--input', 'Value of an input of the pipeline; may be repeated.');
                , @('--agent', 'Run every job on this agent.');
                , @('--dry-run', 'Skip the steps that the project file marks for it.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--matrix', '--matrix-index', '--input', '--agent', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('pipeline-targets')
            repeated = ''
        }
        'cictl pipelines version' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('pipelines')
            repeated = ''
        }
        'cictl chains' = @{
            commands = @(
                , @('list', 'List the pipeline chains of all projects.');
                , @('show', 'Show one chain with its pipelines, in their order.');
                , @('run', 'Run the pipelines of a chain in the order of their dependencies.');
                , @('preview', 'Show what a run would do, and what it lacks.');
                , @('source-refs', 'List the branches that a chain could be run from: those of its first pipeline.');
                , @('eligible-agents', 'List the agents that could take every job of a chain''s run.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl chains list' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl chains show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('chains')
            repeated = ''
        }
        'cictl chains run' = @{
            commands = @()
            options = @(
                , @('--local', 'Run the working tree of this checkout here, with a server and an agent of its own.');
                , @('--worktree', 'Send the files of this checkout as they are, and build these; nothing is pushed.');
                , @('--matrix', 'Only the matrix entry of this name.');
                , @('--matrix-index', 'Only this matrix entry, counted from 0. [x>=0]');
                , @('--only', 'Leave out the jobs that the selected ones need.');
                , @('--reload', 'Load the project''s file again first.');
                , @('--dry-run', 'Skip the steps that the project file marks for it.');
                , @('--ref', 'Branch, tag or commit instead of the pipeline''s own.');
                , @('--input', 'Value of an input of the pipeline; may be repeated.');
                , @('--agent', 'Run every job on this agent.');
                , @('--priority', 'Of what waits, the highest goes first; default: what the project file says. [-100<=x<=100]');
                , @('--offline', 'Build the commit and version of an earlier run; the server asks no remote.');
                , @('--wait', 'Wait for the end; the exit code is the result.');
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('--env-file', 'With --local: variables of all jobs, NAME=value a line.');
                , @('--secrets-file', 'With --local: the secrets that jobs name, NAME=value a line.');
                , @('--keep', 'With --local: leave logs and artifacts behind, and say where.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--matrix', '--matrix-index', '--ref', '--input', '--agent', '--priority', '--timeout', '--env-file', '--secrets-file', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('chains')
            repeated = ''
        }
        'cictl chains preview' = @{
            commands = @()
            options = @(
                , @('--matrix', 'Only the matrix entry of this name.');
                , @('--matrix-index', 'Only this matrix entry, counted from 0. [x>=0]');
                , @('--only', 'Leave out the jobs that the selected ones need.');
                , @('--ref', 'Branch, tag or commit instead of the pipeline''s own.');
                , @('--input', 'Value of an input of the pipeline; may be repeated.');
                , @('--agent', 'Run every job on this agent.');
                , @('--offline', 'Build the commit and version of an earlier run; the server asks no remote.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--matrix', '--matrix-index', '--ref', '--input', '--agent', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('chains')
            repeated = ''
        }
        'cictl chains source-refs' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('chains')
            repeated = ''
        }
        'cictl chains eligible-agents' = @{
            commands = @()
            options = @(
                , @('--matrix', 'Only the matrix entry of this name.');
                , @('--matrix-index', 'Only this matrix entry, counted from 0. [x>=0]');
                , @('--only', 'Leave out the jobs that the selected ones need.');
                , @('--input', 'Value of an input of the pipeline; may be repeated.');
                , @('--agent', 'Run every job on this agent.');
                , @('--dry-run', 'Skip the steps that the project file marks for it.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--matrix', '--matrix-index', '--input', '--agent', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('chains')
            repeated = ''
        }
        'cictl jobs' = @{
            commands = @(
                , @('list', 'List the newest jobs.');
                , @('show', 'Show one job: its state, what it waits for, its steps.');
                , @('logs', 'Show a job''s log, or a part of it.');
                , @('cancel', 'Cancel jobs; one that is over stays as it is.');
                , @('prioritize', 'Let a job that waits go before those of a lower priority.');
                , @('rerun', 'Enqueue jobs once more, each as a new job of its run.');
                , @('delete', 'Delete jobs that have not started; jobs that need them end too.');
                , @('clear-queue', 'Delete all jobs that are queued or leased.');
                , @('flush-history', 'Delete all jobs that are over, logs included.');
                , @('artifacts', 'List the files that a job left.');
                , @('download', 'Download a job''s artifacts: one, those of a directory, all of them, or a zip.');
                , @('tests', 'Show a job''s test report: the counts, and what failed.');
                , @('explain', 'Tell why a job waits, and what would help.');
                , @('watch', 'Follow the states of jobs until all are over.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl jobs list' = @{
            commands = @()
            options = @(
                , @('--status', 'Only these; may be repeated. queued, leased, running, succeeded, failed, cancelled, active, finished.');
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only this pipeline''s.');
                , @('--agent', 'Only those that this agent has or had.');
                , @('--run', 'All jobs of this run: 41, @last, shop/build@last.');
                , @('--limit', 'How many. [default: 50; 1<=x<=2000]');
                , @('-w', 'Go on showing how they change, until Ctrl-C.');
                , @('--watch', 'Go on showing how they change, until Ctrl-C.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--status', '--project', '--pipeline', '--agent', '--run', '--limit', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl jobs show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = ''
        }
        'cictl jobs logs' = @{
            commands = @()
            options = @(
                , @('--run', 'All jobs of this run: 41, @last, shop/build@last.');
                , @('-f', 'Go on until the job is over.');
                , @('--follow', 'Go on until the job is over.');
                , @('--tail', 'Only the last N lines. [x>=0]');
                , @('--since', 'Only what came since then: 15m, 2h, or an ISO 8601 time.');
                , @('--step', 'Only this step''s part: its number, or how its command or its test''s name begins.');
                , @('--failed', 'Where the failed step tells of errors, of jobs that failed.');
                , @('--grep', 'Only lines in which this is found.');
                , @('-t', 'Put the time before each line.');
                , @('--timestamps', 'Put the time before each line.');
                , @('--offset', 'Begin at this byte. [default: 0; x>=0]');
                , @('--raw', 'Leave terminal control sequences in.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--run', '--tail', '--since', '--step', '--grep', '--offset', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = ''
        }
        'cictl jobs cancel' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = 'jobs'
        }
        'cictl jobs prioritize' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs', '')
            repeated = ''
        }
        'cictl jobs rerun' = @{
            commands = @()
            options = @(
                , @('--wait', 'Wait for the end; the exit code is the result.');
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = 'jobs'
        }
        'cictl jobs delete' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = 'jobs'
        }
        'cictl jobs clear-queue' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl jobs flush-history' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl jobs artifacts' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = ''
        }
        'cictl jobs download' = @{
            commands = @()
            options = @(
                , @('--all', 'Every artifact, as files instead of a zip.');
                , @('--prefix', 'Every artifact below this directory.');
                , @('--name', 'Every artifact that has this name in the project file.');
                , @('-O', 'Where to put files. [default: .]');
                , @('-C', 'Where to put files. [default: .]');
                , @('--directory', 'Where to put files. [default: .]');
                , @('--force', 'Overwrite files that exist.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--prefix', '--name', '-O', '-C', '--directory', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs', '')
            repeated = ''
        }
        'cictl jobs tests' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = ''
        }
        'cictl jobs explain' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = ''
        }
        'cictl jobs watch' = @{
            commands = @()
            options = @(
                , @('--run', 'All jobs of this run: 41, @last, shop/build@last.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--run', '--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('jobs')
            repeated = 'jobs'
        }
        'cictl queue' = @{
            commands = @(
                , @('show', 'Show what is paused, by whom and why.');
                , @('pause', 'Give agents no further jobs.');
                , @('resume', 'End a pause.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl queue show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl queue pause' = @{
            commands = @()
            options = @(
                , @('--reason', 'Why; `jobs explain` shows it. [required]');
                , @('--project', 'Only the jobs of this project; default: all jobs.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--reason', '--project', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl queue resume' = @{
            commands = @()
            options = @(
                , @('--project', 'Only the jobs of this project; default: all jobs.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl runs' = @{
            commands = @(
                , @('list', 'List the newest runs.');
                , @('show', 'Show one run: what it built, how its jobs stand.');
                , @('summary', 'Show why a run failed, in few bytes: jobs with the ends of their logs, tests, what ran since the last success.');
                , @('watch', 'Follow a run until all its jobs are over.');
                , @('approve', 'Let a job begin that waits for an approval, or a run that waits as a whole.');
                , @('reject', 'End what waits for an approval as failed, and what needs it too.');
                , @('cancel', 'Cancel all jobs of a run that are not over, at once.');
                , @('rerun', 'Enqueue the jobs of a run again, each as a new job of the same run.');
                , @('pin', 'Keep a run whatever its age, with its logs and artifacts.');
                , @('unpin', 'Let a run go when its time has come: see `cictl retention show`.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl runs list' = @{
            commands = @()
            options = @(
                , @('--status', 'Only these; may be repeated. queued, running, waiting_approval, succeeded, failed, cancelled, active, finished.');
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only those of this pipeline or chain.');
                , @('--branch', 'Only those that built this branch.');
                , @('--since', 'Nothing earlier: 15m, 7d, or an ISO 8601 time.');
                , @('--limit', 'How many. [default: 50; 1<=x<=500]');
                , @('-w', 'Go on showing how they change, until Ctrl-C.');
                , @('--watch', 'Go on showing how they change, until Ctrl-C.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--status', '--project', '--pipeline', '--branch', '--since', '--limit', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl runs show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl runs summary' = @{
            commands = @()
            options = @(
                , @('--max-bytes', 'How long its JSON may be. [default: 4000; 2000<=x<=200000]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--max-bytes', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl runs watch' = @{
            commands = @()
            options = @(
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl runs approve' = @{
            commands = @()
            options = @(
                , @('--reason', 'Why, for those who look later.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--reason', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl runs reject' = @{
            commands = @()
            options = @(
                , @('--reason', 'Why; the error of the job says it. [required]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--reason', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl runs cancel' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl runs rerun' = @{
            commands = @()
            options = @(
                , @('--failed', 'Only the jobs that did not succeed.');
                , @('--wait', 'Wait for the end; the exit code is the result.');
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl runs pin' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl runs unpin' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('runs')
            repeated = ''
        }
        'cictl schedules' = @{
            commands = @(
                , @('list', 'List the schedules: when each started its last run and starts the next, and which ones are paused.');
                , @('next', 'Show when runs start next, the soonest first.');
                , @('pause', 'Let a schedule start no runs for now.');
                , @('resume', 'End the pause of a schedule.');
                , @('run', 'Start at once what a schedule starts at its times, also while it is paused.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl schedules list' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl schedules next' = @{
            commands = @()
            options = @(
                , @('--count', 'How many times of each schedule. [default: 5; 1<=x<=100]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--count', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('targets')
            repeated = ''
        }
        'cictl schedules pause' = @{
            commands = @()
            options = @(
                , @('--reason', 'Why; lists show it. [required]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--reason', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('schedules')
            repeated = ''
        }
        'cictl schedules resume' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('schedules')
            repeated = ''
        }
        'cictl schedules run' = @{
            commands = @()
            options = @(
                , @('--wait', 'Wait for the end; the exit code is the result.');
                , @('-f', 'Wait, and show the logs as they grow.');
                , @('--follow', 'Wait, and show the logs as they grow.');
                , @('--timeout', 'Stop waiting; exit code 8. [x>=0]');
                , @('--cancel-on-interrupt', 'Let Ctrl-C cancel the jobs instead of leaving them.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('schedules')
            repeated = ''
        }
        'cictl notifications' = @{
            commands = @(
                , @('list', 'List the newest notifications: what was sent, what waits, and why it failed.');
                , @('test', 'Send a test to each target that a project''s file names, and tell how they took it.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl notifications list' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('--state', 'Only these: waiting, delivered, given_up.');
                , @('--limit', 'How many. [default: 50; 1<=x<=500]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--state', '--limit', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl notifications test' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('projects')
            repeated = ''
        }
        'cictl tests' = @{
            commands = @(
                , @('list', 'List tests with how they went so far, by project, pipeline and name.');
                , @('flaky', 'List tests that passed and failed on one commit within 14 days.');
                , @('slow', 'List the tests that take longest on average.');
                , @('show', 'Show how one test went so far, in each job that tries it.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl tests list' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only this pipeline''s.');
                , @('--limit', 'How many. [default: 100; 1<=x<=1000]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--pipeline', '--limit', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl tests flaky' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only this pipeline''s.');
                , @('--limit', 'How many. [default: 100; 1<=x<=1000]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--pipeline', '--limit', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl tests slow' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only this pipeline''s.');
                , @('--limit', 'How many. [default: 20; 1<=x<=1000]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--pipeline', '--limit', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl tests show' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only this pipeline''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--pipeline', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl insight' = @{
            commands = @(
                , @('pipelines', 'Show how often the newest runs of each pipeline succeeded, and how long they take.');
                , @('branches', 'Show how often the newest runs of each branch succeeded, and how long they take.');
                , @('agents', 'Show how much each agent worked in the last 24 hours; JSON tells it for each hour.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl insight pipelines' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only this pipeline''s or chain''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--pipeline', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl insight branches' = @{
            commands = @()
            options = @(
                , @('--project', 'Only this project''s.');
                , @('--pipeline', 'Only this pipeline''s or chain''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--pipeline', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl insight agents' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl retention' = @{
            commands = @(
                , @('show', 'Show how long runs, their logs and their artifacts are kept.');
                , @('set', 'Change how long things are kept; what is not named stays as it is.');
                , @('preview', 'Show what would go now.');
                , @('run', 'Remove now what the limits say, instead of within the hour.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl retention show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl retention set' = @{
            commands = @()
            options = @(
                , @('--project', 'Of this project only; default: of all.');
                , @('--keep-runs', 'Keep the newest N runs of each pipeline; 0: all. [x>=0]');
                , @('--keep-days', 'Keep runs N days; 0: for ever. [x>=0]');
                , @('--artifact-days', 'Keep artifacts N days; 0: as long as the run. [x>=0]');
                , @('--log-days', 'Keep logs N days; 0: as long as the run. [x>=0]');
                , @('--reset', 'Give up what was set before: take the wider limits again.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--keep-runs', '--keep-days', '--artifact-days', '--log-days', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl retention preview' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl retention run' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl secrets' = @{
            commands = @(
                , @('list', 'List the secrets that the server keeps; values are never shown.');
                , @('set', 'Store a secret for the steps of jobs, or another value of it.');
                , @('remove', 'Remove a secret; jobs that name it fail from then on.');
                , @('rotate-key', 'Seal all secrets with a new key, and forget the old one.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl secrets list' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl secrets set' = @{
            commands = @()
            options = @(
                , @('--project', 'The secret of this project; default: of all projects.');
                , @('--branch', 'Only for runs of this branch, such as main or ''release/*''; may be repeated. Empty: of all again.');
                , @('--from-file', 'Take the value from this file, as it is.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '--branch', '--from-file', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl secrets remove' = @{
            commands = @()
            options = @(
                , @('--project', 'The secret of this project; default: of all projects.');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--project', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl secrets rotate-key' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl login' = @{
            commands = @()
            options = @(
                , @('--token-file', 'Take the token from this file; it is not needed later.');
                , @('--ca-file', 'Trust these certificates (PEM) alone, now and later.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--token-file', '--ca-file', '-o', '--output', '--query')
            arguments = @('')
            repeated = ''
        }
        'cictl logout' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl whoami' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl tokens' = @{
            commands = @(
                , @('list', 'List the tokens, revoked and expired ones too; what they are is known to nobody but their holders.');
                , @('create', 'Make a token, and write it to standard output, this once.');
                , @('revoke', 'Make tokens count no more, at once.');
                , @('rotate', 'Replace a token: the new one is written to standard output, this once, and the old one is dead at once.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl tokens list' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl tokens create' = @{
            commands = @()
            options = @(
                , @('--role', 'admin, operator, viewer or agent. [required]');
                , @('--agent', 'The agent that it is for; with the role agent.');
                , @('--project', 'Only for this project, by its name; may be repeated.');
                , @('--ttl', 'How long it counts, such as 12h or 90d; else for ever.');
                , @('--data-dir', 'Make it in the data directory of a stopped server instead.');
                , @('--store', 'Make it in this database instead, as for `cictl serve`.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--role', '--agent', '--project', '--ttl', '--data-dir', '--store', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl tokens revoke' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl tokens rotate' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl audit' = @{
            commands = @(
                , @('list', 'Show who did what on the server, the newest first: every change, and every request that was refused.');
                , @('verify', 'Check that no record of the audit was altered or removed.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl audit list' = @{
            commands = @()
            options = @(
                , @('--actor', 'Only what this token did, by its name or id; or `anonymous`.');
                , @('--action', 'Only this, such as job.cancelled, or all about a noun: job.');
                , @('--target', 'Only what was done to this, by its name or id.');
                , @('--since', 'Nothing earlier: 15m, 7d, or an ISO 8601 time.');
                , @('--limit', 'How many, 0 for all; else 100, and with -o jsonl all. [x>=0]');
                , @('-f', 'Go on with what is done, until Ctrl-C.');
                , @('--follow', 'Go on with what is done, until Ctrl-C.');
                , @('-o', 'One of table, wide, json, yaml, name, jsonl.');
                , @('--output', 'One of table, wide, json, yaml, name, jsonl.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--actor', '--action', '--target', '--since', '--limit', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl audit verify' = @{
            commands = @()
            options = @(
                , @('--data-dir', 'Look into this data directory instead of asking the server.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--data-dir', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl vault' = @{
            commands = @(
                , @('list', 'List the Vault connections, and the pipelines that use them.');
                , @('add', 'Add a Vault connection, or change one; what is not named stays as it is.');
                , @('delete', 'Delete a Vault connection; steps that name it fail from then on.');
                , @('test', 'Let the server log in to the Vault, and read a secret if one is named.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl vault list' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl vault add' = @{
            commands = @()
            options = @(
                , @('--url', 'The Vault, as the server reaches it.');
                , @('--role-id', 'The AppRole role id.');
                , @('--secret-id-env', 'The variable of the server''s environment that holds the secret id: CICTL_VAULT_...');
                , @('--approle-mount', 'Where AppRole is mounted; default: approle.');
                , @('--namespace', 'The namespace; default: none.');
                , @('--kv-mount', 'Mount of secrets that name none; default: kv.');
                , @('--kv-version', 'Version of its KV engine; default: 2. [1<=x<=2]');
                , @('--ca-file', 'On the server: certificates to trust instead of the system''s.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--url', '--role-id', '--secret-id-env', '--approle-mount', '--namespace', '--kv-mount', '--kv-version', '--ca-file', '-o', '--output', '--query', '--server', '--context')
            arguments = @('vault-connections')
            repeated = ''
        }
        'cictl vault delete' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('vault-connections')
            repeated = ''
        }
        'cictl vault test' = @{
            commands = @()
            options = @(
                , @('--secret', 'Read this secret too; its value is never shown.');
                , @('--key', 'The key of --secret.');
                , @('--mount', 'Where --secret is; else the connection''s mount.');
                , @('--kv-version', 'Of --mount; else the connection''s. [1<=x<=2]');
                , @('--secret-id-file', 'Log in with the secret id in this file.');
                , @('--secret-id-stdin', 'Log in with the secret id on standard input.');
                , @('--secret-id-var', 'Log in with the secret id in this variable here.');
                , @('--ask-secret-id', 'Log in with a secret id that is asked for, unseen.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--secret', '--key', '--mount', '--kv-version', '--secret-id-file', '--secret-id-var', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('vault-connections')
            repeated = ''
        }
        'cictl update' = @{
            commands = @(
                , @('check', 'Let the server look for a newer release.');
                , @('tags', 'List the versions that the server could run.');
                , @('status', 'Show how updates of the server stand, and what to do about one that failed.');
                , @('apply', 'Update the server, and follow it through its restart to the end.');
                , @('rollback', 'Let the server go back to a version, and follow it through its restart to the end.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl update check' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl update tags' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl update status' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl update apply' = @{
            commands = @()
            options = @(
                , @('--version', 'Such as v1.2.3; default: the latest release.');
                , @('--no-wait', 'Return once the version is staged; `cictl update status` tells the rest.');
                , @('--timeout', 'Stop waiting; the update goes on. Exit code 8. [default: 900.0; x>=0]');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--version', '--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl update rollback' = @{
            commands = @()
            options = @(
                , @('--no-wait', 'Return once the version is staged; `cictl update status` tells the rest.');
                , @('--timeout', 'Stop waiting; the update goes on. Exit code 8. [default: 900.0; x>=0]');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('')
            repeated = ''
        }
        'cictl server' = @{
            commands = @(
                , @('restart', 'Restart the server; jobs that run go on.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl server restart' = @{
            commands = @()
            options = @(
                , @('--wait', 'Return once the server answers again.');
                , @('--timeout', 'Stop waiting; exit code 8. [default: 120.0; x>=0]');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--timeout', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl api' = @{
            commands = @()
            options = @(
                , @('-d', 'A text of the body, or of the query.');
                , @('--field', 'A text of the body, or of the query.');
                , @('-D', 'The same; true, false, null, numbers are those.');
                , @('--typed-field', 'The same; true, false, null, numbers are those.');
                , @('--input', 'Send this file as the body; - is standard input.');
                , @('--paginate', 'Follow next_cursor, and show all pages as one.');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-d', '--field', '-D', '--typed-field', '--input', '-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('methods', '')
            repeated = ''
        }
        'cictl store' = @{
            commands = @(
                , @('check', 'Prove that the data is sound, or say what is not.');
                , @('backup', 'Copy the data, also while the server runs.');
                , @('restore', 'Put a backup in the place of a stopped server''s data.');
                , @('compact', 'Write the journal of a stopped server into its snapshot.');
                , @('export', 'Write all records as JSON, also while the server runs.');
                , @('copy', 'Copy all that a server keeps from a data directory to PostgreSQL and S3, or back.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl store check' = @{
            commands = @()
            options = @(
                , @('--data-dir', 'The server''s data directory; default: the user''s data directory. [env var: CICTL_DATA_DIR]');
                , @('--store', 'The database that keeps the records, as for `cictl serve`. [env var: CICTL_STORE; default: (the data directory)]');
                , @('--files', 'Where the server keeps artifacts and reports, if elsewhere: as for `cictl serve`. [env var: CICTL_FILES; default: (the data directory)]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--data-dir', '--store', '--files', '-o', '--output', '--query')
            arguments = @()
            repeated = ''
        }
        'cictl store backup' = @{
            commands = @()
            options = @(
                , @('--data-dir', 'The server''s data directory; default: the user''s data directory. [env var: CICTL_DATA_DIR]');
                , @('--key-file', 'A key of 16 bytes or more, kept apart from backups. It signs a backup (HMAC-SHA-256), and checks one.');
                , @('--store', 'The database that keeps the records, as for `cictl serve`. [env var: CICTL_STORE; default: (the data directory)]');
                , @('--files', 'Where the server keeps artifacts and reports, if elsewhere: as for `cictl serve`. [env var: CICTL_FILES; default: (the data directory)]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--data-dir', '--key-file', '--store', '--files', '-o', '--output', '--query')
            arguments = @('')
            repeated = ''
        }
        'cictl store restore' = @{
            commands = @()
            options = @(
                , @('--data-dir', 'The server''s data directory; default: the user''s data directory. [env var: CICTL_DATA_DIR]');
                , @('--key-file', 'A key of 16 bytes or more, kept apart from backups. It signs a backup (HMAC-SHA-256), and checks one.');
                , @('--store', 'The database that keeps the records, as for `cictl serve`. [env var: CICTL_STORE; default: (the data directory)]');
                , @('--files', 'Where the server keeps artifacts and reports, if elsewhere: as for `cictl serve`. [env var: CICTL_FILES; default: (the data directory)]');
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--data-dir', '--key-file', '--store', '--files', '-o', '--output', '--query')
            arguments = @('')
            repeated = ''
        }
        'cictl store compact' = @{
            commands = @()
            options = @(
                , @('--data-dir', 'The server''s data directory; default: the user''s data directory. [env var: CICTL_DATA_DIR]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--data-dir', '-o', '--output', '--query')
            arguments = @()
            repeated = ''
        }
        'cictl store export' = @{
            commands = @()
            options = @(
                , @('--data-dir', 'The server''s data directory; default: the user''s data directory. [env var: CICTL_DATA_DIR]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--data-dir', '-o', '--output', '--query')
            arguments = @()
            repeated = ''
        }
        'cictl store copy' = @{
            commands = @()
            options = @(
                , @('--from', 'A data directory, or the URL of a database as for serve --store. [required]');
                , @('--to', 'The other one of both, which holds nothing. [required]');
                , @('--files', 'Where servers on the database keep artifacts and reports, as for serve --files. [default: (the data directory)]');
                , @('--dir-files', 'Where the server on the data directory keeps them. [default: (the data directory)]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--from', '--to', '--files', '--dir-files', '-o', '--output', '--query')
            arguments = @()
            repeated = ''
        }
        'cictl context' = @{
            commands = @(
                , @('list', 'List the named servers.');
                , @('use', 'Choose the server that commands call from now on.');
                , @('set', 'Add a named server, or change one; what is not named stays as it is.');
                , @('delete', 'Forget a named server and its token; the server itself stays as it is.');
                , @('show', 'Show the settings that commands work with; calls no server.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl context list' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query')
            arguments = @()
            repeated = ''
        }
        'cictl context use' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query')
            arguments = @('contexts')
            repeated = ''
        }
        'cictl context set' = @{
            commands = @()
            options = @(
                , @('--server', 'The server''s address.');
                , @('--token-file', 'Read the token from this file, at each command.');
                , @('--token-stdin', 'Store the token that comes on standard input.');
                , @('--no-token', 'Forget the token.');
                , @('--ca-file', 'Trust the certificates in this PEM file alone.');
                , @('--client-cert', 'Show this certificate (PEM), which may hold its key.');
                , @('--client-key', 'The key of --client-cert.');
                , @('--protected', 'What destroys asks for the context''s name.');
                , @('--unprotected', 'What destroys asks for the context''s name.');
                , @('--use', 'Use it from now on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--server', '--token-file', '--ca-file', '--client-cert', '--client-key', '-o', '--output', '--query')
            arguments = @('contexts')
            repeated = ''
        }
        'cictl context delete' = @{
            commands = @()
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query')
            arguments = @('contexts')
            repeated = ''
        }
        'cictl context show' = @{
            commands = @()
            options = @(
                , @('--origins', 'Say of each setting where it came from.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @('contexts')
            repeated = ''
        }
        'cictl completion' = @{
            commands = @(
                , @('show', 'Print the script for a shell.');
                , @('install', 'Put the script for a shell where the shell finds it, and say what is left to do.');)
            options = @(
                , @('-y', 'Do not ask; go on.');
                , @('--yes', 'Do not ask; go on.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--server', 'The server; else CICTL_SERVER_URL, else the context.');
                , @('--context', 'A named server of the context file.');
                , @('--ca-file', 'Trust these certificates (PEM) alone; else CICTL_CA_FILE.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query', '--server', '--context', '--ca-file')
            arguments = @()
            repeated = ''
        }
        'cictl completion show' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query')
            arguments = @('shells')
            repeated = ''
        }
        'cictl completion install' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query')
            arguments = @('shells')
            repeated = ''
        }
        'cictl version' = @{
            commands = @()
            options = @(
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('-o', '--output', '--query')
            arguments = @()
            repeated = ''
        }
        'cictl stage' = @{
            commands = @()
            options = @(
                , @('--home', 'The managed installation; else CICTL_HOME, else the one that this program is in.');
                , @('--data-dir', 'The server''s data; else CICTL_DATA_DIR, else the user''s data directory.');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--home', '--data-dir', '-o', '--output', '--query')
            arguments = @('')
            repeated = ''
        }
        'cictl apply-staged-update' = @{
            commands = @()
            options = @(
                , @('--home', 'The managed installation; else CICTL_HOME, else the one that this program is in.');
                , @('--data-dir', 'The server''s data; else CICTL_DATA_DIR, else the user''s data directory.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--home', '--data-dir')
            arguments = @()
            repeated = ''
        }
        'cictl self-check' = @{
            commands = @()
            options = @(
                , @('--data-dir', 'A COPY of a server''s data; it is opened and perhaps changed.');
                , @('--store', 'Look at this database, as for `cictl serve`. [env var: CICTL_STORE]');
                , @('-o', 'One of table, wide, json, yaml, name.');
                , @('--output', 'One of table, wide, json, yaml, name.');
                , @('--query', 'Show what this expression finds in the JSON.');
                , @('--debug', 'Show requests, and tracebacks of errors.');
                , @('-h', 'Show this message and exit.');
                , @('--help', 'Show this message and exit.');)
            valued = @('--data-dir', '--store', '-o', '--output', '--query')
            arguments = @()
            repeated = ''
        }
    }
    $kinds = @{
        '--agent' = 'agents'
        '--context' = 'contexts'
        '--pipeline' = 'pipeline-names'
        '--project' = 'projects'
        '--run' = 'runs'
        '--state' = 'notification-states'
        '--status' = 'run-statuses'
        '--status' = 'statuses'
        '-o' = 'formats'
        '--output' = 'formats'
    }
    $static = @{
        'formats' = @('table', 'wide', 'json', 'yaml', 'name')
        'statuses' = @('queued', 'leased', 'running', 'succeeded', 'failed', 'cancelled', 'active', 'finished')
        'run-statuses' = @('queued', 'running', 'waiting_approval', 'succeeded', 'failed', 'cancelled', 'active', 'finished')
        'notification-states' = @('waiting', 'delivered', 'given_up')
        'shells' = @('bash', 'zsh', 'fish', 'powershell')
        'methods' = @('GET', 'POST', 'DELETE')
    }
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

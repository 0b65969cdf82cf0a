"""What the server's words about a failed test of a Vault connection mean, and what to do next: one table."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cictl.base.job_parts import SecretRef
from cictl.cli.app.exit_codes import ExitCode
from cictl.cli.app.failures import Failure
from cictl.wire.admin.vault import VaultConnection


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """One way to fail.

    Attributes:
        pattern: Searched in the server's message.
        code: Stable word for machines.
        meaning: For people; `{…}` are fields of the connection, and `path`, `key`, `mount` of the secret.
        hint: The next thing to do.
    """

    pattern: str
    code: str
    meaning: str
    hint: str


DIAGNOSES = (
    Diagnosis(
        pattern=r"secret id not available",
        code="vault_secret_id_missing",
        meaning="the server's environment has no {secret_id_env}",
        hint="set {secret_id_env} where the server is started, and start it anew; --secret-id-file tries one now",
    ),
    Diagnosis(
        pattern=r"not a Vault address that this server allows",
        code="vault_not_allowed",
        meaning="the server does not allow {url}",
        hint="start the server with --vault-url {url}",
    ),
    Diagnosis(
        pattern=r"status=503 .*sealed",
        code="vault_sealed",
        meaning="the Vault at {url} is sealed",
        hint="unseal it (`vault operator unseal`), then test again",
    ),
    Diagnosis(
        pattern=r"namespace not found",
        code="vault_wrong_namespace",
        meaning="the Vault at {url} has no namespace {namespace}",
        hint='cictl vault add {name} --namespace NAME, or --namespace "" for none',
    ),
    Diagnosis(
        pattern=r"login failed: status=400 .*invalid role or secret ID",
        code="vault_wrong_role_or_secret_id",
        meaning="the Vault does not know the role id, or the secret id does not belong to it, is used up or expired",
        hint="compare role {role_id} with `vault read auth/{approle_mount}/role/ROLE/role-id`; with a fresh secret id: "
        "cictl vault test {name} --ask-secret-id",
    ),
    Diagnosis(
        pattern=r"login failed: status=400 .*(invalid|missing) role[ _]?id",
        code="vault_wrong_role",
        meaning="the Vault does not know the role id {role_id}",
        hint="`vault read auth/{approle_mount}/role/ROLE/role-id` shows it; then cictl vault add {name} --role-id ID",
    ),
    Diagnosis(
        pattern=r"login failed: status=400 .*(invalid|missing) secret[ _]?id",
        code="vault_wrong_secret_id",
        meaning="the Vault refuses the secret id: it is wrong, used up or expired",
        hint="make a new one (`vault write -f auth/{approle_mount}/role/ROLE/secret-id`) and put it into {secret_id_env} "
        "of the server",
    ),
    Diagnosis(
        pattern=r"status=400 .*HTTP request to an HTTPS server",
        code="vault_needs_https",
        meaning="the Vault at {url} speaks https, the connection http",
        hint="cictl vault add {name} --url https://...",
    ),
    Diagnosis(
        pattern=r"login failed: status=403",
        code="vault_wrong_approle_mount",
        meaning="the Vault has no AppRole at {approle_mount}, or does not let this server log in there",
        hint="`vault auth list` shows where it is; then cictl vault add {name} --approle-mount MOUNT",
    ),
    Diagnosis(
        pattern=r"login failed: status=404",
        code="vault_not_there",
        meaning="there is no Vault's login at {url}",
        hint="is the address right, without a path behind it? cictl vault add {name} --url URL",
    ),
    Diagnosis(
        pattern=r"read failed: status=403",
        code="vault_no_permission",
        meaning="the login works, but its role may not read {path} at mount {mount}, or nothing is mounted there",
        hint="give the role's policy `read` on it, or name the right --mount and --kv-version (`vault secrets list -detailed`)",
    ),
    Diagnosis(
        pattern=r"read failed: status=404",
        code="vault_no_secret",
        meaning="the login works, but there is no secret {path} at mount {mount}",
        hint="`vault kv list -mount={mount} /` shows what there is; is it another --mount or --kv-version?",
    ),
    Diagnosis(
        pattern=r"read response has no data",
        code="vault_no_secret",
        meaning="the login works, but {path} at mount {mount} holds nothing",
        hint="was it deleted? is it another --kv-version?",
    ),
    Diagnosis(
        pattern=r"key .* not found at",
        code="vault_no_key",
        meaning="the login works, and the secret {path} is there, but has no key {key}",
        hint="`vault kv get -mount={mount} {path}` shows its keys; is it another --kv-version?",
    ),
    Diagnosis(
        pattern=r"key .* (is null|is no text|holds a NUL)",
        code="vault_unusable_value",
        meaning="the key {key} of {path} is there, but its value can't be put into an environment",
        hint="store a text there",
    ),
    Diagnosis(
        pattern=r"certificate verify|self.signed|not valid for|certificate has|unable to get|issuer",
        code="vault_untrusted",
        meaning="the server does not trust the certificate of {url}",
        hint="name the CA that signed it, a file on the server: cictl vault add {name} --ca-file FILE",
    ),
    Diagnosis(
        pattern=r"CA certificate bundle|ca_file",
        code="vault_no_ca_file",
        meaning="the server can't read {ca_file}",
        hint='put it there, or name another: cictl vault add {name} --ca-file FILE, or --ca-file "" for the system\'s',
    ),
    Diagnosis(
        pattern=r"SSL|TLS",
        code="vault_no_tls",
        meaning="no TLS connection to {url} comes about",
        hint="does the Vault speak plain http there? cictl vault add {name} --url http://...",
    ),
    Diagnosis(
        pattern=r"Name or service not known|name resolution|nodename nor servname|No address",
        code="vault_unknown_host",
        meaning="the server can't find the host of {url}",
        hint="check the name as seen from the server's machine; then cictl vault add {name} --url URL",
    ),
    Diagnosis(
        pattern=r"no answer in time|the time for this is over|timed out",
        code="vault_timeout",
        meaning="{url} does not answer the server in time",
        hint="is there a firewall between the two, or is the Vault overloaded?",
    ),
    Diagnosis(
        pattern=r"send vault request",
        code="vault_unreachable",
        meaning="the server can't reach {url}",
        hint="does the Vault run, and can the server's machine reach it? `curl {url}/v1/sys/health` there tells",
    ),
    Diagnosis(
        pattern=r"status=429",
        code="vault_busy",
        meaning="the Vault at {url} has too much to do",
        hint="test again in a minute",
    ),
    Diagnosis(
        pattern=r"status=3\d\d",
        code="vault_redirects",
        meaning="{url} redirects, and neither secret id nor token follow",
        hint="use the address that it redirects to: cictl vault add {name} --url URL",
    ),
    Diagnosis(
        pattern=r"status=5\d\d",
        code="vault_failing",
        meaning="the Vault at {url} has a fault of its own",
        hint="look at its log, and at `vault status`",
    ),
    Diagnosis(
        pattern="",
        code="vault_failed",
        meaning="the test failed",
        hint="cictl vault list -o wide shows the connection",
    ),
)
"""In order: the first whose pattern is found counts, and the last one always fits."""


def failure_of_test(message: str, *, connection: VaultConnection, secret: SecretRef | None) -> Failure:
    """Return the failure of a test; its text ends with the server's own words."""
    found = next(d for d in DIAGNOSES if re.search(d.pattern, message, re.IGNORECASE))
    words = {
        "name": connection.name,
        "url": connection.url,
        "role_id": connection.role_id,
        "secret_id_env": connection.secret_id_env,
        "approle_mount": connection.approle_mount,
        "namespace": connection.namespace or "(none)",
        "ca_file": connection.ca_file,
        "path": secret.path if secret else "",
        "key": secret.key if secret else "",
        "mount": (secret.mount if secret else "") or connection.kv_default_mount or "kv",
    }
    return Failure(
        f"{connection.name}: {found.meaning.format(**words)} [{message}]",
        exit_code=ExitCode.ERROR,
        code=found.code,
        hint=found.hint.format(**words),
    )

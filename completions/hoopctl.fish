# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_hoopctl_global_optspecs
    string join \n c/config= data-dir= socket= url= ca-file= o/output= q/quiet h/help V/version
end

function __fish_hoopctl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_hoopctl_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_hoopctl_using_subcommand
    set -l cmd (__fish_hoopctl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c hoopctl -n "__fish_hoopctl_needs_command" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s V -l version -d 'Print version'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "serve" -d 'Run the gateway in the foreground'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "demo" -d 'Try it: gateway, token issuer and a sample API or MCP server in one process'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "init" -d 'Write a commented hoopctl.toml'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "doctor" -d 'Find and explain problems'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "status" -d 'Show whether the gateway is running, and its state'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "login" -d 'Sign in at a remote gateway, in a browser'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "logout" -d 'Sign out there, and forget its tokens'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "connect" -d 'Connections: targets and how the gateway logs in there'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "policy" -d 'Policies: what is allowed, held for approval or denied'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "apply" -d 'Make the store match files: connections, policies, masks; all or nothing'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "export" -d 'Print the content of the store, as TOML that apply accepts'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "approval" -d 'Held commands: list, approve, deny, wait'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "grant" -d 'Grants that approvals gave: list, revoke'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "lock" -d 'Lock out a token, principal, client or connection at once'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "session" -d 'Recorded sessions: list, follow, search, export, verify'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "audit" -d 'The audit trail: who changed what, and when'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "replay" -d 'Play a session at its original pace'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "tui" -d 'Approvals, live sessions, replay and more on one screen'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "mask" -d 'Try the detectors of sensitive values'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "token" -d 'Tokens: mint test tokens, inspect, verify'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "secret" -d 'Secrets that the gateway stores sealed'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "config" -d 'The configuration: check, show, reload'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "man" -d 'Print the manual page, or write all of them'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "version" -d 'Print the version'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l log-format -d 'Format of the log on standard error' -r -f -a "auto\t'Readable on a terminal, otherwise JSON'
json\t'One JSON object per line'
pretty\t'Readable text'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l check -d 'Check the configuration, the files needed to start and, if no gateway runs, its data, then exit'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l watch -d 'Reload when the configuration file changes, as on SIGHUP; files that it names are not watched'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l keep -d 'Keep configuration and recordings in this directory, and use what is there' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l scenario -d 'The scenario to run; default http, or that of the --keep directory' -r -f -a "http\t'An HTTP API'
mcp\t'An MCP server: tools of an agent'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l fixture -d 'The MCP server answers from this file, written by session export --format mcp-fixture' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l oidc -d 'The identity provider' -r -f -a "entra\t'Microsoft Entra ID'
generic\t'Any `OpenID` Connect provider'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l dir -d 'Where to write it' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l demo -d 'Write the demo\'s configuration, to keep and change'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l force -d 'Overwrite an existing file'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l wait -d 'Wait up to this long until it is ready' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l issuer-ca-file -d 'Trust the authorities in this file for the issuer\'s certificate, not this machine\'s' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l device -d 'Sign in with a browser on another device, by a code'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l no-browser -d 'Print the address, do not open a browser'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s y -l yes -d 'Do not ask whether issuer, client and scopes are right'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l unlisted -d 'Do not ask if this gateway is missing from the issuer\'s list of resources'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l all -d 'At every gateway'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "add" -d 'Add a connection; the gateway keeps the credential, clients never see it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "list" -d 'List connections'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "show" -d 'Show the definition of one connection'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "edit" -d 'Change a connection in the store: by options, from a file, or in your editor'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "remove" -d 'Remove a connection from the store'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "test" -d 'Dial a target from this machine: DNS, TCP, TLS; does not log in'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "env" -d 'Print what a client needs to use a connection'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "pin" -d 'Review and accept changes of what an MCP server offers'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "open" -d 'Open a local port for database clients that cannot send a token'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l upstream -d 'Address of the target: an http or https URL, mcp+https://HOST/PATH, \'mcp+stdio:PROGRAM ARGUMENTS\', or postgres://HOST/DATABASE' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l inject -d 'Its credential: bearer:SRC, basic:USER:SRC, header:NAME:SRC or none, password:USER:SRC or certificate:USER for a database, env:NAME:SRC for a program; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l tag -d 'A tag that policies and masks match; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l limit -d 'A limit: session, idle, approval_wait, connect, response (durations), body (size of what is held or judged; other bodies only pass through), rate (per second), rows (per statement of a database)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l ca-file -d 'Certificate authorities to trust for this target, instead of the platform\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l readonly -d 'Sessions are read-only, which the server enforces' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l approval-mode -d 'What happens to a statement that needs approval: it waits, or fails and passes when sent again' -r -f -a "wait\t''
retry\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l notifications -d 'What clients get of a NOTIFY where masks have fields: its payload is redacted, or masked by shape alone' -r -f -a "redact\t''
pass\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l rows -d 'Maximum number of rows that one statement returns' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l accept-cleartext -d 'Allow the server to request the password in clear text, inside TLS' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l accept-md5 -d 'Allow the server to use MD5 authentication' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l accept-trust -d 'Allow the server to admit the gateway without a password' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l trust-annotations -d 'Trust the server\'s tool annotations: read-only tools are of class read, all others of class write' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l transport -d 'Transport of a server with an address: Streamable HTTP, or HTTP+SSE of 2024-11-05' -r -f -a "streamable\t''
sse\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l pin -d 'What happens when a tool changed since it was first seen' -r -f -a "observe\t''
hide\t''
block\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l binary -d 'What happens to images, audio and other binary content if there are masks: it cannot be masked' -r -f -a "withhold\t''
allow\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l allow-server-request -d 'A request that the server may send to its clients; may be repeated' -r -f -a "elicitation\t''
roots\t''
sampling\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l elicitation-host -d 'A host that an elicitation may send users to, or *.HOST for its subdomains; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l origin -d 'The origin of web pages that may connect, such as https://app.example; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l env -d 'An environment variable of the program, not a secret (for those: --inject env:NAME:SRC); may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s f -l file -d 'Read the table from a TOML file, or - for standard input; options take precedence' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l test -d 'Dial the target first, and add nothing if that fails'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l dry-run -d 'Print the TOML, change nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l upstream -d 'Address of the target: an http or https URL, mcp+https://HOST/PATH, \'mcp+stdio:PROGRAM ARGUMENTS\', or postgres://HOST/DATABASE' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l inject -d 'Its credential: bearer:SRC, basic:USER:SRC, header:NAME:SRC or none, password:USER:SRC or certificate:USER for a database, env:NAME:SRC for a program; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l tag -d 'A tag that policies and masks match; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l limit -d 'A limit: session, idle, approval_wait, connect, response (durations), body (size of what is held or judged; other bodies only pass through), rate (per second), rows (per statement of a database)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l ca-file -d 'Certificate authorities to trust for this target, instead of the platform\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l readonly -d 'Sessions are read-only, which the server enforces' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l approval-mode -d 'What happens to a statement that needs approval: it waits, or fails and passes when sent again' -r -f -a "wait\t''
retry\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l notifications -d 'What clients get of a NOTIFY where masks have fields: its payload is redacted, or masked by shape alone' -r -f -a "redact\t''
pass\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l rows -d 'Maximum number of rows that one statement returns' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l accept-cleartext -d 'Allow the server to request the password in clear text, inside TLS' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l accept-md5 -d 'Allow the server to use MD5 authentication' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l accept-trust -d 'Allow the server to admit the gateway without a password' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l trust-annotations -d 'Trust the server\'s tool annotations: read-only tools are of class read, all others of class write' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l transport -d 'Transport of a server with an address: Streamable HTTP, or HTTP+SSE of 2024-11-05' -r -f -a "streamable\t''
sse\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l pin -d 'What happens when a tool changed since it was first seen' -r -f -a "observe\t''
hide\t''
block\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l binary -d 'What happens to images, audio and other binary content if there are masks: it cannot be masked' -r -f -a "withhold\t''
allow\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l allow-server-request -d 'A request that the server may send to its clients; may be repeated' -r -f -a "elicitation\t''
roots\t''
sampling\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l elicitation-host -d 'A host that an elicitation may send users to, or *.HOST for its subdomains; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l origin -d 'The origin of web pages that may connect, such as https://app.example; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l env -d 'An environment variable of the program, not a secret (for those: --inject env:NAME:SRC); may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s f -l file -d 'Read the whole table from a TOML file, or - for standard input' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask for confirmation'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l dry-run -d 'Only show what would happen'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l for -d 'The client; default curl, or psql for a database' -r -f -a "curl\t'A curl command line'
dotenv\t'Lines for an .env file'
python\t'A few lines of Python (standard library only)'
psql\t'Lines for a shell, for psql and other programs that use libpq'
claude\t'Claude Code, an MCP client: the line that adds the server'
cursor\t'Cursor, an MCP client: its mcp.json'
vscode\t'VS Code, an MCP client: .vscode/mcp.json'
mcp-json\t'A project\'s .mcp.json, as Claude Code and others read it'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l accept -d 'Accept the server\'s definition of this tool, or KIND:NAME of anything pinned, as it was shown; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l forget -d 'Forget the pin of this tool, or KIND:NAME; it is new when listed again; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l all -d 'Accept everything that is changed, flagged or new'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l accept-unseen -d 'Also accept texts that are too long to be stored and were therefore not shown in full'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l port -d 'Port on 127.0.0.1 [default: a free one]; with --unix the one in the socket\'s name [default: 5432]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l unix -d 'Open a Unix socket in this directory, for your user only, instead of a port' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l gateway -d 'The gateway\'s listener for PostgreSQL [default: gateway.postgres_listen of the configuration]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l token -d 'Source of your token: env:NAME, file:PATH or exec:COMMAND; read again for each connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l ca-file -d 'Trust the authorities in this file for the gateway\'s certificate, not this machine\'s; plaintext is then refused' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l once -d 'Exit when the first connection ends'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "add" -d 'Add a policy'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "list" -d 'List policies'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "show" -d 'Show the definition of one policy'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "edit" -d 'Change a policy in the store: by options, from a file, or in your editor'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "remove" -d 'Remove a policy from the store'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "test" -d 'Run the test cases of a file: requests and SQL texts with their expected verdicts'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "explain" -d 'Explain the verdict on one request or SQL text'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "simulate" -d 'Judge recorded commands by other policies, and show what would change'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "suggest" -d 'Suggest policies that allow what was actually used, and little else'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "lint" -d 'Find valid policies that look like a mistake; exits with 1 if there are any'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l group -d 'A group of the caller' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l subject -d 'A principal, or a glob over principals' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l client -d 'A client (application), by its id' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l issuer -d 'An issuer, by its name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l kind -d 'A kind of principal: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l claim -d 'A claim of the token' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l connection -l connect -d 'A connection, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l tag -d 'A tag of the connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l source-ip -d 'The client\'s address or network' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l operation -d 'A class: read, write, ddl, admin or unknown' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l method -d 'A method of HTTP or MCP, such as PATCH or \'resources/*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l path -d 'A path below the connection: * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l tool -d 'A tool of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l prompt -d 'A prompt of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l resource -d 'A resource of an MCP server: a URI, * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l arg -d 'A value in the body or in MCP arguments, such as amount=\'> 1000\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l table -d 'A table in a SQL text, such as crm.customers or \'hr.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l column -d 'A column in a SQL text: column, table.column or schema.table.column' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l column-not -d 'A column that a SQL text must not name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l function -d 'A function called by a SQL text, such as public.refund' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l verb -d 'A verb of a SQL text, such as select or truncate' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l setting -d 'A setting changed by a SQL text, such as role or \'app.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l all-rows -d 'The SQL text has an UPDATE or DELETE of all rows' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l unless-group -d 'Exclude callers in this group' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l from -d 'A group whose members may decide (with --approve)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l min -d 'How many approvers must approve' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l timeout -d 'How long an approval stays pending' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l grant -d 'What an approval grants: once, session, or a duration' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l session -d 'Maximum length of a session' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l message -d 'Message for a client whose command is refused' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s f -l file -d 'Read the table from a TOML file, or - for standard input; options take precedence' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l allow -d 'Allow matching commands'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l approve -d 'Hold matching commands until an approver decides'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l deny -d 'Deny matching commands'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l reason -d 'A decision needs a reason'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l dry-run -d 'Print the TOML, change nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l group -d 'A group of the caller' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l subject -d 'A principal, or a glob over principals' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l client -d 'A client (application), by its id' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l issuer -d 'An issuer, by its name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l kind -d 'A kind of principal: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l claim -d 'A claim of the token' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l connection -l connect -d 'A connection, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l tag -d 'A tag of the connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l source-ip -d 'The client\'s address or network' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l operation -d 'A class: read, write, ddl, admin or unknown' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l method -d 'A method of HTTP or MCP, such as PATCH or \'resources/*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l path -d 'A path below the connection: * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l tool -d 'A tool of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l prompt -d 'A prompt of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l resource -d 'A resource of an MCP server: a URI, * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l arg -d 'A value in the body or in MCP arguments, such as amount=\'> 1000\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l table -d 'A table in a SQL text, such as crm.customers or \'hr.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l column -d 'A column in a SQL text: column, table.column or schema.table.column' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l column-not -d 'A column that a SQL text must not name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l function -d 'A function called by a SQL text, such as public.refund' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l verb -d 'A verb of a SQL text, such as select or truncate' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l setting -d 'A setting changed by a SQL text, such as role or \'app.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l all-rows -d 'The SQL text has an UPDATE or DELETE of all rows' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l unless-group -d 'Exclude callers in this group' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l from -d 'A group whose members may decide (with --approve)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l min -d 'How many approvers must approve' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l timeout -d 'How long an approval stays pending' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l grant -d 'What an approval grants: once, session, or a duration' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l session -d 'Maximum length of a session' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l message -d 'Message for a client whose command is refused' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s f -l file -d 'Read the whole table from a TOML file, or - for standard input' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l allow -d 'Allow matching commands'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l approve -d 'Hold matching commands until an approver decides'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l deny -d 'Deny matching commands'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l reason -d 'A decision needs a reason'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask for confirmation'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l dry-run -d 'Only show what would happen'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l as -d 'The principal; the name of the first issuer is prepended if it has no /' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l group -d 'A group of the principal; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l kind -d 'The kind of principal: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l client -d 'The client (application) behind the token' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l issuer -d 'The name of the issuer' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l claim -d 'Another claim of the token; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l source-ip -d 'The client\'s address' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l connection -l connect -d 'The connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l sql -d 'The SQL text for a database, instead of method and path' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l tool -d 'The tool to call' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l prompt -d 'The prompt to get' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l resource -d 'The resource to read' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l arg -d 'An argument; the value is parsed as JSON if possible, otherwise taken as text; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l args -d 'All arguments, as JSON' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l read-only -d 'The server\'s annotation that the tool only reads' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l body -d 'The body, as JSON' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l groups-unknown -d 'The issuer left the groups out of the token (Entra does so above 200)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l exit-code -d 'Exit with 0 for allow, 8 for approve, 9 for deny'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s f -l file -d 'The file with the other policies, or - for standard input' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l since -d 'Only commands in this recent period, such as 24h' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l connection -d 'Only commands on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l session -d 'Only commands in this session: its id, or last' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l recorded -d 'Compare with the recorded decisions, not with the current policies'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l fail-on-change -d 'Exit with 1 if anything changes or cannot be determined'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l since -d 'Only commands in this recent period, such as 90d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l connection -d 'Only commands on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l group -d 'Only commands that members of this group sent by policies that name it; suggests policies for that group' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s f -l file -d 'A file, a directory whose .toml files are read, or - for standard input; may be repeated' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l managed-by -d 'The name under which these entities are managed; file sets that are applied separately need different names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l dry-run -d 'Only print what would change'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l prune -d 'Also remove entities managed under the same --managed-by that are no longer in the files'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l take-over -d 'Also take over entities managed under another name'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l managed-by -d 'Only what is managed under this name; cli: what no apply has taken over' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "list" -d 'List held commands'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "show" -d 'Show one, with everything that will be sent'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "approve" -d 'Approve it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "deny" -d 'Deny it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "watch" -d 'Follow all approvals: one line when one is requested, decided or ends; pending ones first'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "wait" -d 'Wait until it is decided; exits with 0 if approved, 8 if still pending, 9 if not approved'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l state -d 'Only those in this state: pending, approved, used, denied, expired, cancelled or stopped' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l limit -d 'Maximum number to show' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l wait -d 'Wait this long for the first one; exits with 8 if there is none' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s a -l all -d 'Include approvals that have ended'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s r -l reason -d 'The reason; some policies require one' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l grant -d 'Grant less than the policy allows: once, session, or a duration such as 15m' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s r -l reason -d 'The reason; some policies require one' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l timeout -d 'How long to wait' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -f -a "list" -d 'List grants'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -f -a "revoke" -d 'Revoke one'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l limit -d 'Maximum number to show' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s a -l all -d 'Include grants that have ended'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s y -l yes -d 'Do not ask for confirmation'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -f -a "add" -d 'Lock out a token, principal, client, issuer, connection or everybody'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -f -a "list" -d 'List the current locks'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -f -a "remove" -d 'Remove a lock'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s r -l reason -d 'The reason; shown to operators, not to clients' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l for -d 'How long the lock stays; without it, until it is removed' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s y -l yes -d 'Do not ask for confirmation of a lock of everybody or of an unknown name'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask for confirmation'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "list" -d 'List sessions, newest first'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "show" -d 'Show one'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "tail" -d 'Follow the events of one session or of all'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "watch" -d 'Follow all sessions, showing only when one begins, ends or is denied something'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "grep" -d 'Search recordings; exits with 0 whether anything was found or not'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "kill" -d 'End a session and cut its live streams'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "export" -d 'Write a recording to a file, or to standard output'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "verify" -d 'Verify that a recording is intact; exits with 10 if it is not'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "hold" -d 'Place a recording under legal hold: retention does not remove it until it is released'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "prune" -d 'Remove recordings beyond recording.retention; a running gateway does so by itself'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l since -d 'Only sessions started in this recent period, such as 7d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l limit -d 'Maximum number to show' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l before -d 'Only those older than this one: the next page' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l live -d 'Only live sessions'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l held -d 'Only sessions on hold'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l session -d 'In this session only' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l since -d 'Only sessions started in this recent period, such as 7d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l limit -d 'Maximum number to show' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l live -d 'Only live sessions'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l held -d 'Only sessions on hold'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s r -l reason -d 'The reason, for the audit trail' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s y -l yes -d 'Do not ask for confirmation'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l format -l as -d 'jsonl keeps every byte and hash, har opens in a browser, mcp-fixture plays the target, sql is a script, text is for reading' -r -f -a "har\t'HTTP Archive 1.2, for HTTP sessions'
jsonl\t'The stored lines with their hashes'
mcp-fixture\t'The exchanges of an MCP session as JSON that a fake target can serve'
sql\t'The SQL statements as a script; statements that were not executed are comments'
text\t'The transcript, as replay shows it'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l to -d 'Write to this file, which must be new' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s r -l reason -d 'The reason, for the audit trail' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l all -d 'Verify every session, that none is missing, and the audit trail'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l acknowledge -d 'First acknowledge that the recordings were begun anew, so that it is a finding no longer'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s r -l reason -d 'The reason, for the audit trail' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l release -d 'Lift the hold, so that retention applies again'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l acknowledge -d 'Acknowledge a hold that was tampered with, or whose recording is gone'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l list -d 'List the sessions on hold'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s y -l yes -d 'Do not ask for confirmation'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -f -a "list" -d 'List entries, newest last'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l since -d 'Only entries of this recent period' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l actor -d 'Only those of this actor: a principal, or hoopctl for the gateway itself' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l action -d 'Only this action, such as policy.add, or all actions of one noun, such as policy' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l subject -d 'Only actions on this subject: a name or an id' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l limit -d 'Maximum number to show; the newest are shown' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l speed -d 'Speed factor, 0.01 to 1000' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l from -d 'Start here: a time such as 90s, an event such as @17, or #approval, #denied, #error, #mask, #marker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l to -d 'End here' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l idle-limit -d 'Shorten longer pauses to this' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l theme -d 'The colours: by the terminal\'s background, for a dark or a light one, or none' -r -f -a "auto\t'By the background that the terminal reports; dark if it reports none'
dark\t'For a dark background'
light\t'For a light background'
mono\t'No colours'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l keys -d 'A file that changes keys [default: hoopctl/keys.toml in $XDG_CONFIG_HOME or ~/.config, if it is there]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l realtime -d 'Print the transcript with its timing, even if standard output is not a terminal'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l print -d 'On a terminal: print the transcript with its timing, instead of the player'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l ascii -d 'ASCII symbols only; implied if the locale is not UTF-8'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l mouse -d 'Scroll with the wheel; selecting text in the terminal then needs shift'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l theme -d 'The colours: by the terminal\'s background, for a dark or a light one, or none' -r -f -a "auto\t'By the background that the terminal reports; dark if it reports none'
dark\t'For a dark background'
light\t'For a light background'
mono\t'No colours'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l keys -d 'A file that changes keys [default: hoopctl/keys.toml in $XDG_CONFIG_HOME or ~/.config, if it is there]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l notify -d 'How to signal new approvals: by the terminal\'s bell, by a desktop notification (OSC 9), or not at all' -r -f -a "bell\t'The terminal\'s bell'
osc9\t'A desktop notification'
off\t'Not at all'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l ascii -d 'ASCII symbols only; implied if the locale is not UTF-8'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l mouse -d 'Scroll with the wheel; selecting text in the terminal then needs shift'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -f -a "test" -d 'Find sensitive values in standard input; found values are printed redacted'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l entity -d 'Only this detector; may be repeated [default: all]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l pattern -d 'A custom regular expression; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l field -d 'The name of the field that holds the text, which raises the confidence of some detectors' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "mint" -d 'Mint a token of the development issuer (demo only); prints nothing else'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "inspect" -d 'Decode a token and show its problems; verifies nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "verify" -d 'Verify a token against the configured issuers'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "jwks" -d 'Show the keys that the running gateway verifies tokens with'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l as -d 'The token\'s subject' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l group -d 'A group; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l role -d 'A role; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l kind -d 'The kind of principal: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l name -d 'A display name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l lifetime -d 'How long it is valid, at most 1d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l expired -d 'An expired token'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l wrong-audience -d 'A token for another audience'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l unsigned -d 'A token without a signature (alg none)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l wrong-key -d 'A token signed by another key'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l overage -d 'A token without its groups, as Entra issues above 200'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l file -d 'A file' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l env -d 'An environment variable' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l file -d 'A file' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l env -d 'An environment variable' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l refresh -d 'Fetch its keys now: tokens signed with a key that the issuer no longer lists are refused at once'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -f -a "set" -d 'Set a secret; its value is read from standard input'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -f -a "list" -d 'List the names'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -f -a "remove" -d 'Remove a secret that no connection uses'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask for confirmation'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "check" -d 'Check the file: every problem at once, with its line'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "show" -d 'Show the effective settings, defaults filled in; of an issuer its name and address'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "schema" -d 'Print the JSON Schema of the file, for editors'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "reload" -d 'Make the running gateway reload the file, all or nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l dir -d 'Write one page per command into this directory' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l data-dir -d 'Data directory; overrides the configuration [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l socket -d 'Admin socket; overrides the configuration [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l url -d 'A remote gateway, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l ca-file -d 'With --url: trust the certificate authorities in this PEM file instead of the system\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s o -l output -d 'Output format: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for reading'
json\t'One JSON document'
jsonl\t'One JSON object per line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s q -l quiet -d 'Print data and errors only, no messages'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s h -l help -d 'Print help'

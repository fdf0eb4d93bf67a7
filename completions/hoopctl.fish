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
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_needs_command" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -s V -l version -d 'Print version'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "serve" -d 'Run the gateway in the foreground'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "demo" -d 'Try it: gateway, token issuer and a sample API or MCP server in one process'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "init" -d 'Write a commented hoopctl.toml'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "doctor" -d 'Find and explain problems'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "status" -d 'Show whether the gateway runs, and how it is'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "login" -d 'Sign in at a gateway elsewhere, in a browser'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "logout" -d 'Sign out there, and forget its tokens'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "connect" -d 'Connections: targets and how the gateway logs in there'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "policy" -d 'Policies: what passes, waits or is blocked'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "apply" -d 'Make the store what files say: connections, policies, masks, all or nothing'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "export" -d 'Print what the store holds, as the TOML that apply takes'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "approval" -d 'Held commands: look, approve, deny, wait'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "grant" -d 'What approvals gave, and taking it back'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "lock" -d 'Shut out a token, principal, client or connection at once'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "session" -d 'Recorded sessions: list, follow, search, export, verify'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "audit" -d 'The audit trail: who changed what, and when'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "replay" -d 'Play a session at its own pace'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "tui" -d 'Approvals, live sessions, replay and the rest on one screen'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "mask" -d 'Try the detectors of sensitive values'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "token" -d 'Tokens: mint for trying, inspect, verify'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "secret" -d 'Secrets that the gateway keeps sealed'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "config" -d 'The configuration: check, show, reload'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "completions" -d 'Print the completions of a shell'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "man" -d 'Print the manual page, or write all of them'
complete -c hoopctl -n "__fish_hoopctl_needs_command" -f -a "version" -d 'Print the version'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l log-format -d 'How the log is written, on standard error' -r -f -a "auto\t'For people on a terminal, else JSON'
json\t'One JSON object a line'
pretty\t'For people'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l check -d 'Check the configuration, and the files that a start needs, and stop'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -l watch -d 'Reload when the configuration file changes, as SIGHUP does; files that it names are not watched'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l keep -d 'Keep configuration and recordings in this folder, and use what is there' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l scenario -d 'What to try; by default http, or what the folder of --keep has' -r -f -a "http\t'An HTTP API'
mcp\t'An MCP server: tools of an agent'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l fixture -d 'The MCP server answers from this file, which session export --format mcp-fixture wrote' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l oidc -d 'The identity provider' -r -f -a "entra\t'Microsoft Entra ID'
generic\t'Any `OpenID` Connect provider'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l dir -d 'Where to write it' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l demo -d 'The configuration of the demo, to keep and change'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -l force -d 'Write over a file that is there'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l wait -d 'Wait so long until it is ready' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand status" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l issuer-ca-file -d 'Trust the authorities in this file for the issuer\'s certificate, not this machine\'s' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l device -d 'Sign in with a browser on another device, by a code'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l no-browser -d 'Print the address, open no browser'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s y -l yes -d 'Do not ask whether issuer, client and scopes are right'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -l unlisted -d 'Do not ask either where the issuer lists what its tokens are for, and this gateway is not in the list'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand login" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -l all -d 'At every gateway'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand logout" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "add" -d 'Add a connection; the gateway keeps the credential, clients never see it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "list" -d 'List connections'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "show" -d 'Show one connection as it is written down'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "edit" -d 'Change a connection of the store: by options, from a file, or in your editor'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "remove" -d 'Remove a connection of the store'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "test" -d 'Dial a target from this machine: name, TCP, TLS; nobody logs in there'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "env" -d 'Print what a client needs to use a connection'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "pin" -d 'Look at what changed of what an MCP server offers, and accept it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and not __fish_seen_subcommand_from add list show edit remove test env pin open" -f -a "open" -d 'Open a port on this machine for a database\'s clients that cannot send a token'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l upstream -d 'Where the target is: an http or https URL, mcp+https://HOST/PATH, \'mcp+stdio:PROGRAM ARGUMENTS\', or postgres://HOST/DATABASE' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l inject -d 'Its credential: bearer:SRC, basic:USER:SRC, header:NAME:SRC or none, password:USER:SRC for a database, env:NAME:SRC for a program; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l tag -d 'A label that policies and masks match; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l limit -d 'A limit: session, idle, approval_wait, connect, response (durations), body (size of what is held or judged; other bodies only pass through), rate (per second), rows (per statement of a database)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l ca-file -d 'Certificate authorities to trust for this target, in place of the platform\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l readonly -d 'Sessions may only read, and the server holds them to it' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l approval-mode -d 'What a statement does that needs an approval: wait for it, or fail and pass when it is sent again' -r -f -a "wait\t''
retry\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l rows -d 'The most rows that one statement gives' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l accept-cleartext -d 'The server may ask for the password as it is, inside TLS' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l accept-md5 -d 'The server may log the gateway in by MD5' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l accept-trust -d 'The server may let the gateway in without a password' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l trust-annotations -d 'Believe what the server says of its tools: what it calls read-only reads, everything else writes' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l transport -d 'How a server behind an address is spoken to: Streamable HTTP, or HTTP+SSE of 2024-11-05' -r -f -a "streamable\t''
sse\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l pin -d 'What a tool leads to that changed since it was first seen' -r -f -a "observe\t''
hide\t''
block\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l binary -d 'What becomes of pictures, sounds and the like where there are masks: nothing can be masked in them' -r -f -a "withhold\t''
allow\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l allow-server-request -d 'What the server may ask of its clients; may be repeated' -r -f -a "elicitation\t''
roots\t''
sampling\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l elicitation-host -d 'A host that an elicitation may send people to, or *.HOST for all below it; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l origin -d 'The origin of web pages that may connect, such as https://app.example; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l env -d 'A variable of the program, no secret: --inject env:NAME:SRC is for those; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s f -l file -d 'Read the table from a TOML file, or - for standard input; options win over it' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l test -d 'Dial the target first, and add nothing when that fails'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -l dry-run -d 'Print the TOML, change nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l upstream -d 'Where the target is: an http or https URL, mcp+https://HOST/PATH, \'mcp+stdio:PROGRAM ARGUMENTS\', or postgres://HOST/DATABASE' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l inject -d 'Its credential: bearer:SRC, basic:USER:SRC, header:NAME:SRC or none, password:USER:SRC for a database, env:NAME:SRC for a program; SRC is env:NAME, file:PATH, store:KEY or exec:COMMAND' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l tag -d 'A label that policies and masks match; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l limit -d 'A limit: session, idle, approval_wait, connect, response (durations), body (size of what is held or judged; other bodies only pass through), rate (per second), rows (per statement of a database)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l ca-file -d 'Certificate authorities to trust for this target, in place of the platform\'s' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l readonly -d 'Sessions may only read, and the server holds them to it' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l approval-mode -d 'What a statement does that needs an approval: wait for it, or fail and pass when it is sent again' -r -f -a "wait\t''
retry\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l rows -d 'The most rows that one statement gives' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l accept-cleartext -d 'The server may ask for the password as it is, inside TLS' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l accept-md5 -d 'The server may log the gateway in by MD5' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l accept-trust -d 'The server may let the gateway in without a password' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l trust-annotations -d 'Believe what the server says of its tools: what it calls read-only reads, everything else writes' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l transport -d 'How a server behind an address is spoken to: Streamable HTTP, or HTTP+SSE of 2024-11-05' -r -f -a "streamable\t''
sse\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l pin -d 'What a tool leads to that changed since it was first seen' -r -f -a "observe\t''
hide\t''
block\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l binary -d 'What becomes of pictures, sounds and the like where there are masks: nothing can be masked in them' -r -f -a "withhold\t''
allow\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l allow-server-request -d 'What the server may ask of its clients; may be repeated' -r -f -a "elicitation\t''
roots\t''
sampling\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l elicitation-host -d 'A host that an elicitation may send people to, or *.HOST for all below it; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l origin -d 'The origin of web pages that may connect, such as https://app.example; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l env -d 'A variable of the program, no secret: --inject env:NAME:SRC is for those; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s f -l file -d 'Read the whole table from a TOML file, or - for standard input' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -l dry-run -d 'Only say what would happen'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l for -d 'The client; without it curl, or psql for a database' -r -f -a "curl\t'A curl command line'
dotenv\t'Lines for an .env file'
python\t'A few lines of Python (standard library only)'
psql\t'Lines for a shell, then psql and what else uses libpq'
claude\t'Claude Code, an MCP client: the line that adds the server'
cursor\t'Cursor, an MCP client: its mcp.json'
vscode\t'VS Code, an MCP client: .vscode/mcp.json'
mcp-json\t'A project\'s .mcp.json, as Claude Code and others read it'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from env" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l accept -d 'Accept what the server says of this tool, or KIND:NAME of anything pinned, as it was looked at; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l forget -d 'Forget the pin of this tool, or KIND:NAME: listed again it is new; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l all -d 'Accept all that is changed, flagged or new'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -l accept-unseen -d 'Accept texts too that are too long to be kept, and so were not shown whole'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from pin" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l port -d 'Port on 127.0.0.1 [default: a free one]; with --unix the one in the socket\'s name [default: 5432]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l unix -d 'Open a Unix socket in this directory, for your user only, in place of a port' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l gateway -d 'The gateway\'s listener for PostgreSQL [default: gateway.postgres_listen of the configuration]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l token -d 'Where your token is: env:NAME, file:PATH or exec:COMMAND; read anew for each connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l ca-file -d 'Trust the authorities in this file for the gateway\'s certificate, not this machine\'s; plain is refused then' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -l once -d 'End when the first connection ends'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand connect; and __fish_seen_subcommand_from open" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "add" -d 'Add a policy'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "list" -d 'List policies'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "show" -d 'Show one policy as it is written down'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "edit" -d 'Change a policy of the store: by options, from a file, or in your editor'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "remove" -d 'Remove a policy of the store'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "test" -d 'Check the cases of a file: requests and SQL texts with the verdicts they should get'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "explain" -d 'Say what the policies do with one request or SQL text, and why'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "simulate" -d 'Judge recorded commands by other policies, and show what would change'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "suggest" -d 'Suggest policies that allow what was really used, and little else'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and not __fish_seen_subcommand_from add list show edit remove test explain simulate suggest lint" -f -a "lint" -d 'Find what is allowed but looks like a mistake: ends with 1 when there is any'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l group -d 'A group of the caller' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l subject -d 'A principal, or a glob over principals' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l client -d 'A client (application), by its id' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l issuer -d 'An issuer, by its name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l kind -d 'What kind of caller: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l claim -d 'A claim of the token' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l connection -l connect -d 'A connection, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l tag -d 'A tag of the connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l source-ip -d 'Where the request comes from: an address or a network' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l operation -d 'A class: read, write, ddl, admin or unknown' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l method -d 'A method of HTTP or MCP, such as PATCH or \'resources/*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l path -d 'A path below the connection: * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l tool -d 'A tool of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l prompt -d 'A prompt of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l resource -d 'A resource of an MCP server: a URI, * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l arg -d 'A value in the body or in MCP arguments, such as amount=\'> 1000\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l table -d 'A table that a SQL text names, such as crm.customers or \'hr.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l column -d 'A column that a SQL text names: column, table.column or schema.table.column' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l column-not -d 'A column that a SQL text must not name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l function -d 'A function that a SQL text calls, such as public.refund' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l verb -d 'What a SQL text does, such as select or truncate' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l setting -d 'A setting that a SQL text changes, such as role or \'app.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l all-rows -d 'A SQL text has an UPDATE or DELETE of all rows' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l unless-group -d 'Callers in this group are excepted' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l from -d 'A group whose members may decide (with --approve)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l min -d 'How many people must say yes' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l timeout -d 'How long it waits for them' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l grant -d 'What a yes gives: once, session, or a duration' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l session -d 'The longest session' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l message -d 'What a refused client is told' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s f -l file -d 'Read the table from a TOML file, or - for standard input; options win over it' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l allow -d 'It may pass'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l approve -d 'It is held until a person decides'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l deny -d 'It is blocked'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l reason -d 'A decision needs a reason'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -l dry-run -d 'Print the TOML, change nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l group -d 'A group of the caller' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l subject -d 'A principal, or a glob over principals' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l client -d 'A client (application), by its id' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l issuer -d 'An issuer, by its name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l kind -d 'What kind of caller: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l claim -d 'A claim of the token' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l connection -l connect -d 'A connection, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l tag -d 'A tag of the connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l source-ip -d 'Where the request comes from: an address or a network' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l operation -d 'A class: read, write, ddl, admin or unknown' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l method -d 'A method of HTTP or MCP, such as PATCH or \'resources/*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l path -d 'A path below the connection: * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l tool -d 'A tool of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l prompt -d 'A prompt of an MCP server, or a glob over names' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l resource -d 'A resource of an MCP server: a URI, * within a segment, ** over segments' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l arg -d 'A value in the body or in MCP arguments, such as amount=\'> 1000\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l table -d 'A table that a SQL text names, such as crm.customers or \'hr.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l column -d 'A column that a SQL text names: column, table.column or schema.table.column' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l column-not -d 'A column that a SQL text must not name' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l function -d 'A function that a SQL text calls, such as public.refund' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l verb -d 'What a SQL text does, such as select or truncate' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l setting -d 'A setting that a SQL text changes, such as role or \'app.*\'' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l all-rows -d 'A SQL text has an UPDATE or DELETE of all rows' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l unless-group -d 'Callers in this group are excepted' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l from -d 'A group whose members may decide (with --approve)' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l min -d 'How many people must say yes' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l timeout -d 'How long it waits for them' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l grant -d 'What a yes gives: once, session, or a duration' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l session -d 'The longest session' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l message -d 'What a refused client is told' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s f -l file -d 'Read the whole table from a TOML file, or - for standard input' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l allow -d 'It may pass'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l approve -d 'It is held until a person decides'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l deny -d 'It is blocked'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -l reason -d 'A decision needs a reason'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -l dry-run -d 'Only say what would happen'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l as -d 'The principal; without a / the name of the first issuer is put in front' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l group -d 'A group of the principal; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l kind -d 'What kind of caller: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l client -d 'The client (application) behind the token' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l issuer -d 'The name of the issuer' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l claim -d 'Another claim of the token; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l source-ip -d 'The address it comes from' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l connection -l connect -d 'The connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l sql -d 'The SQL text for a database, in place of method and path' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l tool -d 'The tool that is called' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l prompt -d 'The prompt that is asked for' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l resource -d 'The resource that is read' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l arg -d 'An argument; a value that is JSON counts as such, else as text; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l args -d 'All arguments, as JSON' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l read-only -d 'What the server says of the tool: that it only reads' -r -f -a "true\t''
false\t''"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l body -d 'The body, as JSON' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l groups-unknown -d 'The provider did not say which groups (Entra leaves them out above 200)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -l exit-code -d 'End with 0 for allow, 8 for approve, 9 for deny'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s f -l file -d 'The file with the other policies, or - for standard input' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l since -d 'What came in this time up to now, such as 24h' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l connection -d 'Only what came on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l session -d 'Only what came in this session: its id, or last' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l recorded -d 'Compare with what was decided then, not with the policies as they are now'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -l fail-on-change -d 'End with 1 when anything changes, or cannot be told'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from simulate" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l since -d 'What came in this time up to now, such as 90d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l connection -d 'Only what came on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l group -d 'Only what members of this group sent by policies that name it, and policies for that group' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from suggest" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand policy; and __fish_seen_subcommand_from lint" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s f -l file -d 'A file, a folder whose .toml files are taken, or - for standard input; may be repeated' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l managed-by -d 'Whose entities these are: files that are applied apart from each other have each a name of their own' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l dry-run -d 'Only print what would change'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l prune -d 'Also remove what the files of the same --managed-by had and do not have any more'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -l take-over -d 'Also take what belongs to files of another name'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand apply" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l managed-by -d 'Only what belongs to the files of this name; cli: what no apply has taken' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand export" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "list" -d 'List held commands'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "show" -d 'Show one, with all that will be sent'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "approve" -d 'Let it pass'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "deny" -d 'Refuse it'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "watch" -d 'Follow all: one line when one is asked for, decided or ends; those that wait already first'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and not __fish_seen_subcommand_from list show approve deny watch wait" -f -a "wait" -d 'Wait until it is decided: ends with 0 approved, 8 still pending, 9 not approved'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l state -d 'Only those in this state: pending, approved, used, denied, expired, cancelled or stopped' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l limit -d 'At most so many' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l wait -d 'Wait so long for the first one; ends with 8 when none comes' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s a -l all -d 'Those that ended, too'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s r -l reason -d 'Why; some policies want to know' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l grant -d 'Give less than the policy says: once, session, or a duration such as 15m' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s r -l reason -d 'Why; some policies want to know' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from deny" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l timeout -d 'How long to wait' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand approval; and __fish_seen_subcommand_from wait" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -f -a "list" -d 'List grants'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and not __fish_seen_subcommand_from list revoke" -f -a "revoke" -d 'Take one back'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l limit -d 'At most so many' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s a -l all -d 'Those that ended, too'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s y -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand grant; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -f -a "add" -d 'Shut somebody or something out'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -f -a "list" -d 'List the locks that stand'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and not __fish_seen_subcommand_from add list remove" -f -a "remove" -d 'Remove a lock'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s r -l reason -d 'Why; operators see it, clients do not' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l for -d 'How long it stands; without it, until it is removed' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s y -l yes -d 'Do not ask, about a lock of everybody or of a name that is not known here'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand lock; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "list" -d 'List sessions, the newest first'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "show" -d 'Show one'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "tail" -d 'Follow what happens, in one session or in all'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "watch" -d 'Follow all sessions, but tell only when one begins, ends or is denied something'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "grep" -d 'Search what was recorded; ends with 0, found or not'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "kill" -d 'End a session and cut its live streams'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "export" -d 'Write a recording to a file, or to standard output'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "verify" -d 'Prove that a recording is as it was written: ends with 10 when it is not'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "hold" -d 'Keep a recording although its time is over, until it is released'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and not __fish_seen_subcommand_from list show tail watch grep kill export verify hold prune" -f -a "prune" -d 'Remove what is older than recording.retention says; a running gateway does so by itself'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l since -d 'Only those that started in this time up to now, such as 7d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l limit -d 'At most so many' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l before -d 'Only those older than this one: the next page' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l live -d 'Only those that run'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -l held -d 'Only those that are held'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from tail" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l session -d 'In this session only' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l principal -d 'Only those of this principal' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l connection -d 'Only those on this connection' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l since -d 'Only those that started in this time up to now, such as 7d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l limit -d 'At most so many' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l live -d 'Only those that run'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -l held -d 'Only those that are held'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from grep" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s r -l reason -d 'Why, for the audit trail' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s y -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from kill" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l format -l as -d 'jsonl keeps every byte and hash, har opens in a browser, mcp-fixture plays the target, sql is a script, text is for people' -r -f -a "har\t'HTTP Archive 1.2, of sessions that speak HTTP'
jsonl\t'The stored lines with their hashes'
mcp-fixture\t'The exchanges of MCP as JSON that a fake target can serve'
sql\t'The SQL statements as a script: what was not done is a comment'
text\t'The transcript, as replay shows it'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l to -d 'Write to this file, which must be new' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -l all -d 'Every session, that none is missing, and the audit trail'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s r -l reason -d 'Why, for the audit trail' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l release -d 'Let retention have it again'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l acknowledge -d 'Take note of a hold that was tampered with, or whose recording is gone'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -l list -d 'List what is held'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from hold" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s y -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand session; and __fish_seen_subcommand_from prune" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and not __fish_seen_subcommand_from list" -f -a "list" -d 'List entries, the newest last'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l since -d 'Only those of so long ago or less' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l actor -d 'Only those of this actor: a principal, or hoopctl for what the gateway did by itself' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l action -d 'Only this action, such as policy.add, or all of one noun, such as policy' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l subject -d 'Only what was done to this: a name or an id' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l limit -d 'At most so many, the newest' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand audit; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l speed -d 'How many times as fast as it was, 0.01 to 1000' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l from -d 'Begin here: a time such as 90s, an event such as @17, or #approval, #denied, #error, #mask, #marker' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l to -d 'End here' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l idle-limit -d 'Shorten every longer pause to this' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l theme -d 'The colours: for the terminal\'s ground, for a dark or a light one, or none' -r -f -a "auto\t'For the ground that the terminal says it has; for a dark one where it does not say'
dark\t'For a dark ground'
light\t'For a light ground'
mono\t'No colours'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l keys -d 'A file that changes keys [default: hoopctl/keys.toml in $XDG_CONFIG_HOME or ~/.config, if it is there]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l realtime -d 'Print the transcript, with its timing even when standard output is no terminal'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l print -d 'On a terminal: print the transcript with its timing, in place of the player'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l ascii -d 'Signs of ASCII only; so it is anyway where the locale has no UTF-8'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -l mouse -d 'Scroll with the wheel; the terminal\'s own selection then needs shift'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l theme -d 'The colours: for the terminal\'s ground, for a dark or a light one, or none' -r -f -a "auto\t'For the ground that the terminal says it has; for a dark one where it does not say'
dark\t'For a dark ground'
light\t'For a light ground'
mono\t'No colours'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l keys -d 'A file that changes keys [default: hoopctl/keys.toml in $XDG_CONFIG_HOME or ~/.config, if it is there]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l notify -d 'How new approvals are told: by the terminal\'s bell, by a notification of the desktop (OSC 9), or not' -r -f -a "bell\t'The terminal\'s bell'
osc9\t'A notification of the desktop'
off\t'Not at all'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l ascii -d 'Signs of ASCII only; so it is anyway where the locale has no UTF-8'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -l mouse -d 'Scroll with the wheel; the terminal\'s own selection then needs shift'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand tui" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and not __fish_seen_subcommand_from test" -f -a "test" -d 'Find sensitive values in standard input; nothing found is printed whole'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l entity -d 'Only this detector; may be repeated [default: all]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l pattern -d 'A regular expression of your own; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l field -d 'The name of the field the text stands in, which makes some detectors surer' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand mask; and __fish_seen_subcommand_from test" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "mint" -d 'Get a token of the development issuer (demo only); prints nothing else'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "inspect" -d 'Decode a token and say what is wrong with it; verifies nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "verify" -d 'Verify a token against the configured issuers'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and not __fish_seen_subcommand_from mint inspect verify jwks" -f -a "jwks" -d 'The keys that the running gateway verifies tokens with'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l as -d 'Whom the token speaks for' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l group -d 'A group; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l role -d 'A role; may be repeated' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l kind -d 'What kind of caller: human, app or agent' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l name -d 'A name for people to read' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l lifetime -d 'How long it is valid, at most 1d' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l expired -d 'One that has expired'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l wrong-audience -d 'One for another audience'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l unsigned -d 'One without a signature (alg none)'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l wrong-key -d 'One signed by another key'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -l overage -d 'One without its groups, as Entra makes above 200'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from mint" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l file -d 'A file' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l env -d 'An environment variable' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from inspect" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l file -d 'A file' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l env -d 'An environment variable' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -l refresh -d 'Fetch its keys now: what the issuer no longer lists is refused at once'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand token; and __fish_seen_subcommand_from jwks" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -f -a "set" -d 'Set a secret; its value is read from standard input'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -f -a "list" -d 'List the names'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and not __fish_seen_subcommand_from set list remove" -f -a "remove" -d 'Remove a secret that no connection uses'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand secret; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "check" -d 'Check the file: every problem at once, with its line'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "show" -d 'Show the settings as they hold, defaults filled in'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "schema" -d 'Print the JSON Schema of the file, for editors'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and not __fish_seen_subcommand_from check show schema reload" -f -a "reload" -d 'Let the running gateway read the file again: all of it, or nothing'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from schema" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand config; and __fish_seen_subcommand_from reload" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand completions" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l dir -d 'Write one page for each command into this directory' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand man" -s h -l help -d 'Print help'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s c -l config -d 'Configuration file [env: HOOPCTL_CONFIG] [default: ./hoopctl.toml, ~/.config/hoopctl/, /etc/hoopctl/]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l data-dir -d 'Data directory, in place of the configuration\'s [env: HOOPCTL_DATA_DIR]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l socket -d 'Admin socket, in place of the configuration\'s [env: HOOPCTL_SOCKET]' -r -F
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l url -d 'A gateway elsewhere, by its admin listener: https://HOST[:PORT] [env: HOOPCTL_URL]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -l ca-file -d 'With --url: trust the authorities in this PEM file, not this machine\'s [env: HOOPCTL_CA_FILE]' -r
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s o -l output -d 'How data is written: table, json, jsonl or csv [env: HOOPCTL_OUTPUT] [default: table]' -r -f -a "table\t'Columns for people'
json\t'One JSON document'
jsonl\t'One JSON object a line'
csv\t'Comma-separated values with a header line'"
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s q -l quiet -d 'Data and errors only, no words in between'
complete -c hoopctl -n "__fish_hoopctl_using_subcommand version" -s h -l help -d 'Print help'

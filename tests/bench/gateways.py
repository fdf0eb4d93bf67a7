"""What is measured: how each gateway is configured and started in front of the same upstream."""
import os
import pathlib
import shutil
import socket

import meter
from signing import AUDIENCE

#: The names of masked fields; bodies.py puts them into every record.
FIELDS = ("ssn", "credit_card", "email")
CREDENTIAL = "upstream-credential-of-the-benchmark"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """One candidate: `prefix` is what stands before the upstream's paths in its own, `masks` whether bodies change."""

    def __init__(self, name, place, prefix="", masks=False, needs_token=False):
        self.name, self.place, self.prefix, self.masks, self.needs_token = name, place, prefix, masks, needs_token
        self.port, self.child, self.idle = free_port(), None, None
        self.folder = pathlib.Path(place.folder, name)
        self.folder.mkdir(exist_ok=True)

    def url(self, body):
        return f"http://127.0.0.1:{self.port}{self.prefix}/{body}.json"

    def start(self):
        self.child = meter.Child(self.argv(), self.folder / "log")
        self.child.wait_port(self.port)

    def stop(self):
        self.child.stop()

    def argv(self):
        raise NotImplementedError

    def binary(self):
        return pathlib.Path(shutil.which(str(self.argv()[0]))).resolve()


def nginx_text(folder, server, extra=""):
    # As root, nginx would serve as "nobody", who may not read the files of this run.
    user = "user root;" if os.geteuid() == 0 else ""
    temp = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    return f"""
{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn; worker_processes {os.cpu_count()};
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; {temp}
  keepalive_timeout 300s; keepalive_requests 100000000;
  types {{ application/json json; }} default_type application/json; open_file_cache max=64;
  {extra}
  server {{ {server} }}
}}
"""


def nginx_argv(folder):
    return [meter.tool("nginx", "apt-get install nginx-light"), "-p", folder, "-c", folder / "nginx.conf"]


class Upstream(Gateway):
    """nginx that serves the bodies from files."""

    def argv(self):
        text = nginx_text(self.folder, f"listen 127.0.0.1:{self.port} backlog=4096; root {self.place.bodies};")
        (self.folder / "nginx.conf").write_text(text)
        return nginx_argv(self.folder)


class Nginx(Gateway):
    """The yardstick: nginx that passes everything on, and looks at nothing."""

    def argv(self):
        server = f"""listen 127.0.0.1:{self.port} backlog=4096;
          location / {{ proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }}"""
        up = f"""upstream up {{ server 127.0.0.1:{self.place.upstream.port}; keepalive 256;
          keepalive_requests 100000000; }}"""
        (self.folder / "nginx.conf").write_text(nginx_text(self.folder, server, up))
        return nginx_argv(self.folder)


class Envoy(Gateway):
    """Envoy that verifies the token, with the key set in its configuration."""

    def argv(self):
        config = self.folder / "envoy.yaml"
        config.write_text(f"""
static_resources:
  listeners:
  - address: {{socket_address: {{address: 127.0.0.1, port_value: {self.port}}}}}
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          generate_request_id: false
          route_config:
            virtual_hosts:
            - {{name: all, domains: ["*"], routes: [{{match: {{prefix: /}}, route: {{cluster: up}}}}]}}
          http_filters:
          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                bench:
                  issuer: {self.place.issuer.url}
                  audiences: [{AUDIENCE}]
                  local_jwks: {{inline_string: '{self.place.issuer.jwks}'}}
              rules: [{{match: {{prefix: /}}, requires: {{provider_name: bench}}}}]
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: up
    type: STATIC
    connect_timeout: 5s
    circuit_breakers: {{thresholds: [{{max_connections: 4096, max_pending_requests: 4096, max_requests: 4096}}]}}
    load_assignment:
      cluster_name: up
      endpoints:
      - lb_endpoints:
        - endpoint:
            address: {{socket_address: {{address: 127.0.0.1, port_value: {self.place.upstream.port}}}}}
""")
        return [self.place.envoy, "-c", config, "--concurrency", os.cpu_count(), "--disable-hot-restart", "-l", "error"]


class Hoopctl(Gateway):
    """hoopctl with a token, two policies, a credential of the target, and a recording; and `masks`, as given in TOML."""

    def __init__(self, name, place, mask="", level="full", program=None):
        self.program = program or place.hoopctl
        super().__init__(name, place, prefix="/c/crm", masks=bool(mask), needs_token=True)
        self.mask, self.level = mask, level
        self.config = self.folder / "hoopctl.toml"

    def argv(self):
        (self.folder / "credential").write_text(CREDENTIAL)
        (self.folder / "credential").chmod(0o600)
        self.config.write_text(f"""version = 1
[gateway]
listen = "127.0.0.1:{self.port}"
[[oidc]]
name = "bench"
issuer = "{self.place.issuer.url}"
audiences = ["{AUDIENCE}"]
[storage]
data_dir = "data"
[recording]
level = "{self.level}"
[[connection]]
name = "crm"
upstream = "http://127.0.0.1:{self.place.upstream.port}"
inject = "bearer:file:credential"
tags = {{ data = "pii" }}
[[policy]]
id = "readers-read"
effect = "allow"
match = {{ groups = ["readers"], connections = ["crm"], operations = ["read"] }}
[[policy]]
id = "nobody-deletes"
effect = "deny"
match = {{ connections = ["crm"], methods = ["DELETE"] }}
{self.mask}
""")
        return [self.program, "-c", self.config, "serve"]

    def forget(self):
        """Removes what it has stored, for a start on an empty folder."""
        shutil.rmtree(self.folder / "data", ignore_errors=True)


NAMED_FIELDS = f"""[[mask]]
id = "pii"
match = {{ tags = {{ data = "pii" }} }}
fields = [{", ".join(f'"{name}"' for name in FIELDS)}]
op = {{ kind = "keep_last", n = 4 }}
"""
DETECTORS = NAMED_FIELDS + """[[mask]]
id = "shapes"
match = { tags = { data = "pii" } }
entities = ["US_SSN", "CREDIT_CARD", "EMAIL_ADDRESS"]
op = { kind = "redact" }
"""


def candidates(place):
    """Everything there is to compare, by name."""
    made = [Nginx("nginx", place)]
    if place.envoy:
        made.append(Envoy("envoy-jwt", place, needs_token=True))
    made.append(Hoopctl("hoopctl", place, NAMED_FIELDS))
    if place.before:
        made.append(Hoopctl("hoopctl-before", place, NAMED_FIELDS, program=place.before))
    made.append(Hoopctl("hoopctl-detectors", place, DETECTORS))
    made.append(Hoopctl("hoopctl-no-mask", place))
    made.append(Hoopctl("hoopctl-no-mask-no-bodies", place, level="metadata"))
    return {gateway.name: gateway for gateway in made}

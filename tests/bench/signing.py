"""An issuer of RS256 tokens in plain Python: a new key, its JWKS, tokens, and the two documents served on loopback."""
import base64
import hashlib
import http.server
import json
import secrets
import threading
import time

AUDIENCE = "bench"
#: DER of "SHA-256 digest follows" (RFC 8017, section 9.2, note 1).
SHA256_PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")
SMALL_PRIMES = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n ** 0.5) + 1, 2))]


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def is_prime(n):
    if any(n % p == 0 for p in SMALL_PRIMES):
        return False
    odd, twos = n - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(20):  # Miller-Rabin
        x = pow(secrets.randbelow(n - 3) + 2, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(bits):
    while True:
        # The two highest bits are set, so that the product of two has all its bits.
        n = secrets.randbits(bits) | (3 << (bits - 2)) | 1
        if n % 65537 != 1 and is_prime(n):
            return n


class Issuer:
    """Keeps a 2048-bit key for this run only, and serves its public half until the process ends."""

    def __init__(self):
        p, q = prime(1024), prime(1024)
        self.n, self.d = p * q, pow(65537, -1, (p - 1) * (q - 1))
        key = {"kty": "RSA", "kid": "bench", "alg": "RS256", "use": "sig", "n": b64(self.n.to_bytes(256, "big")),
               "e": b64((65537).to_bytes(3, "big"))}
        self.jwks = json.dumps({"keys": [key]})
        issuer = self

        class Documents(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                documents = {"/jwks": issuer.jwks, "/.well-known/openid-configuration": json.dumps(
                    {"issuer": issuer.url, "jwks_uri": issuer.url + "/jwks"})}
                body = documents.get(self.path, "").encode()
                self.send_response(200 if body else 404)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Documents)
        self.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def token(self, **other):
        """A token of a caller in the group `readers`; `other` adds or replaces claims."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "bench-client", "iat": now, "nbf": now, "exp": now + 8 * 3600,
                  "groups": ["readers", "on-call"], "name": "Bench Client", "jti": secrets.token_hex(16), **other}
        text = ".".join(b64(json.dumps(part).encode()) for part in (
            {"alg": "RS256", "typ": "JWT", "kid": "bench"}, claims))
        info = SHA256_PREFIX + hashlib.sha256(text.encode()).digest()
        padded = b"\0\1" + b"\xff" * (253 - len(info)) + b"\0" + info
        signature = pow(int.from_bytes(padded, "big"), self.d, self.n)
        return text + "." + b64(signature.to_bytes(256, "big"))

"""Prints a JSON web token as FastApp for Python signs it: token.py KEY ALGORITHM CLAIMS"""

import base64
import hmac
import json
import sys

key, algorithm, claims = sys.argv[1:]
digests = {"HS256": "sha256", "HS512": "sha512"}


def part(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


head = json.dumps({"alg": algorithm, "typ": "JWT"}, separators=(",", ":"))
signed = part(head.encode()) + b"." + part(claims.encode())
digest = digests.get(algorithm)
signature = hmac.digest(key.encode(), signed, digest) if digest else b""
print((signed + b"." + part(signature)).decode())

"""What S3 demands of the checksums of an upload in parts, and moto lets pass.

A part brings the checksum that its upload was begun with, or none; ListParts tells it; whoever completes the upload names it for each part
(docs.aws.amazon.com/AmazonS3/latest: /userguide/checking-object-integrity-upload.html, /API/API_CompleteMultipartUpload.html).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from tests.support.aws_gaps import Reply

_HEADER = "HTTP_X_AMZ_CHECKSUM_"
_PART = re.compile(rb"<Part>(.*?)</Part>", re.DOTALL)


@dataclass
class Uploads:
    """Uploads that were begun, by their ids."""

    begun: dict[str, str] = field(default_factory=dict)
    """→ algorithm in upper case; empty: none was named."""
    parts: dict[tuple[str, int], str] = field(default_factory=dict)
    """(upload, number) → checksum as it came."""

    def refusal(self, environ: dict[str, Any], body: bytes) -> Reply | None:
        """S3's, to a request that it does not take; None: nothing speaks against it."""
        method, upload, number = _asked(environ)
        if upload not in self.begun:
            return None
        algorithm = self.begun[upload]
        if method == "PUT":
            came = {name.removeprefix(_HEADER): value for name, value in environ.items() if name.startswith(_HEADER)}
            if set(came) - {algorithm}:
                return _invalid(f"Checksum Type mismatch occurred, expected {algorithm or None}, actual {set(came)}")
            self.parts[upload, number] = came.get(algorithm, "")
        elif method == "POST" and algorithm:
            for row in _PART.findall(body):
                at = int(_text(row, "PartNumber") or 0)
                if _text(row, f"Checksum{algorithm}") != self.parts.get((upload, at)):
                    return _invalid(f"The complete request must include the checksum for each part: {at}")
        return None

    def told(self, environ: dict[str, Any], answer: bytes) -> bytes:
        """The answer with what moto leaves out."""
        method, upload, _ = _asked(environ)
        if method == "POST" and "uploads" in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True):
            self.begun[_text(answer, "UploadId")] = environ.get("HTTP_X_AMZ_CHECKSUM_ALGORITHM", "").upper()
        algorithm = self.begun.get(upload)
        if method != "GET" or not algorithm:
            return answer

        def with_sum(found: re.Match[bytes]) -> bytes:
            value = self.parts.get((upload, int(_text(found.group(1), "PartNumber"))), "")
            row = f"<Checksum{algorithm}>{value}</Checksum{algorithm}>".encode()
            return b"<Part>" + found.group(1) + row + b"</Part>"

        return _PART.sub(with_sum, answer)


def _asked(environ: dict[str, Any]) -> tuple[str, str, int]:
    """Method, upload (empty: of none) and number of the part."""
    query = parse_qs(environ.get("QUERY_STRING", ""))
    return environ["REQUEST_METHOD"], query.get("uploadId", [""])[0], int(query.get("partNumber", ["0"])[0])


def _text(row: bytes, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>".encode(), row)
    return "" if found is None else found.group(1).decode()


def _invalid(message: str) -> Reply:
    return Reply(400, f"<Error><Code>InvalidRequest</Code><Message>{message}</Message></Error>".encode())

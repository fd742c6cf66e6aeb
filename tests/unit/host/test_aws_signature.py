"""A store believes what we sign: compared with the signer of the people who made the rules."""

from __future__ import annotations

from datetime import UTC, datetime
from unittest.mock import patch
from urllib.parse import quote

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from vmsd.host.aws_signature import Question, StoreKey, sign

AT = datetime(2026, 11, 21, 11, 0, 7, tzinfo=UTC)
SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


@pytest.mark.parametrize(
    ("method", "path", "query", "headers"),
    [
        ("GET", "/site", {"object-lock": ""}, {}),
        ("PUT", "/site/caixa 1/ação+~.zip", {"partNumber": "7", "uploadId": "a/b+c=="}, {"content-md5": "x=="}),
        ("POST", "/site/k", {"uploads": ""}, {"x-amz-meta-sha256": "ab", "x-amz-object-lock-mode": "GOVERNANCE"}),
    ],
)
def test_the_signature_is_the_one_stores_compute(method: str, path: str, query: dict, headers: dict):
    key = StoreKey("AKID", "sa-east-1", "se/cr+et")
    question = Question(method, "store.example:9000", path, query, headers, SHA256)
    request = AWSRequest(method, f"http://store.example:9000{quote(path)}", params=query, headers=headers)
    request.headers["X-Amz-Content-SHA256"] = SHA256
    request.context["payload_signing_enabled"] = True
    with patch.object(botocore.auth, "get_current_datetime", return_value=AT.replace(tzinfo=None), create=True):
        signer = botocore.auth.S3SigV4Auth(Credentials("AKID", "se/cr+et"), "s3", "sa-east-1")
        with patch.object(signer, "payload", return_value=SHA256):
            signer.add_auth(request)
    ours = sign(question, key, round(AT.timestamp() * 1000))
    assert ours["authorization"] == request.headers["Authorization"]
    assert "se/cr+et" not in repr(key) + str(ours)

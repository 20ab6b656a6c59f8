from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from galley.cluster.certificates import make_certificates

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_the_certificate_is_signed_by_the_ca_and_all_files_are_private(tmp_path: Path) -> None:
    files = make_certificates(tmp_path / "tls", name="oncology", now=NOW)
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())
    cert = x509.load_pem_x509_certificate(files.cert.read_bytes())
    cert.verify_directly_issued_by(ca)
    assert cert.not_valid_before_utc < NOW < cert.not_valid_after_utc
    for path in (files.ca, files.cert, files.key):
        assert path.stat().st_mode & 0o777 == 0o600


def test_two_tenants_have_nothing_in_common(tmp_path: Path) -> None:
    one = make_certificates(tmp_path / "one", name="oncology", now=NOW)
    two = make_certificates(tmp_path / "two", name="claims", now=NOW)
    assert one.ca.read_bytes() != two.ca.read_bytes()
    assert one.key.read_bytes() != two.key.read_bytes()


def test_the_cas_own_key_is_not_kept(tmp_path: Path) -> None:
    make_certificates(tmp_path, name="oncology", now=NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "ca.pem",
        "cluster-key.pem",
        "cluster.pem",
    ]

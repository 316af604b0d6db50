"""Certificates of a test's own, made with the openssl command."""

import subprocess

from martlet_process import tool

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def openssl(*arguments, stdin=b"", check=True, timeout=30):
    done = subprocess.run(
        [tool("openssl", "openssl"), *map(str, arguments)], input=stdin, capture_output=True,
        timeout=timeout)
    assert not check or done.returncode == 0, done.stderr.decode(errors="replace")
    return done


class Authority:
    """Signs for localhost and 127.0.0.1; `file` is what clients trust."""

    def __init__(self, folder, name="Test Authority"):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.file, self.key = folder, folder / "ca.pem", folder / "ca.key"
        openssl(
            "req", "-x509", *KEY, "-keyout", self.key, "-out", self.file, "-days", 30,
            "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def sign(self, name, subject="/CN=localhost"):
        """A certificate and its key, as paths."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        asked, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n"
            "keyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl("req", "-new", *KEY, "-keyout", key, "-out", asked, "-subj", subject)
        openssl(
            "x509", "-req", "-in", asked, "-CA", self.file, "-CAkey", self.key, "-CAcreateserial",
            "-days", 30, "-extfile", extensions, "-out", certificate)
        return certificate, key

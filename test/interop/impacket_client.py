#!/usr/bin/python3
"""impacket's SMB client: every dialect it has, files of every awkward size, srvsvc, refusals.

usage: impacket_client.py PORT  (run by impacket.sh)
"""
import io
import os
import sys

from impacket import smb3structs
from impacket.smb import SMB_DIALECT  # noqa: F401  (shows that the package is whole)
from impacket.smbconnection import SessionError, SMBConnection

HOST = "127.0.0.1"
USER, PASSWORD = "torture1", "torture1pw"
DIALECTS = {
    "2.0.2": smb3structs.SMB2_DIALECT_002,
    "2.1": smb3structs.SMB2_DIALECT_21,
    "3.0": smb3structs.SMB2_DIALECT_30,
}
SIZES = [0, 1, 65535, 65536, 65537, 3_000_000]
port = int(sys.argv[1])
passed = failed = 0


def connect(dialect=None, password=PASSWORD):
    connection = SMBConnection(HOST, HOST, sess_port=port, preferredDialect=dialect)
    connection.login(USER, password)
    return connection


def check(name, action):
    global passed, failed
    try:
        action()
    except Exception as error:  # whatever a client meets is a failed check
        failed += 1
        print(f"FAIL {name}\n     {type(error).__name__}: {error}")
    else:
        passed += 1
        print(f"ok   {name}")


def refused(action):
    try:
        action()
    except SessionError:
        return
    raise AssertionError("it was not refused")


def round_trip(connection, share, size):
    data = os.urandom(size)
    connection.putFile(share, "imp.bin", io.BytesIO(data).read)
    back = io.BytesIO()
    connection.getFile(share, "imp.bin", back.write)
    connection.deleteFile(share, "imp.bin")
    assert back.getvalue() == data, f"{len(back.getvalue())} bytes came back of {size}"


def folders(connection):
    connection.createDirectory("share", "imp")
    connection.putFile("share", "imp\\a.txt", io.BytesIO(b"a").read)
    connection.rename("share", "imp\\a.txt", "imp\\b.txt")
    names = [entry.get_longname() for entry in connection.listPath("share", "imp\\*")]
    assert sorted(names) == [".", "..", "b.txt"], names
    connection.deleteFile("share", "imp\\b.txt")
    connection.deleteDirectory("share", "imp")


def shares(connection):
    names = [share["shi1_netname"][:-1] for share in connection.listShares()]
    assert {"share", "share_enc", "share_ro"} <= set(names), names


for name, dialect in DIALECTS.items():
    check(f"{name}: negotiates it", lambda: connect(dialect).getDialect() == dialect or 1 / 0)
    for size in SIZES:
        check(f"{name}: {size} bytes", lambda: round_trip(connect(dialect), "share", size))
    check(f"{name}: folders", lambda: folders(connect(dialect)))
    check(f"{name}: listShares", lambda: shares(connect(dialect)))
check("3.0: share that requires encryption",
      lambda: round_trip(connect(DIALECTS["3.0"]), "share_enc", 65537))
check("wrong password is refused", lambda: refused(lambda: connect(password="wrong")))
check("unknown share is refused", lambda: refused(lambda: connect().connectTree("nowhere")))
check("share_ro refuses a file", lambda: refused(
    lambda: connect().putFile("share_ro", "x", io.BytesIO(b"x").read)))
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)

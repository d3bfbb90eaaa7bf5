# SPDX-License-Identifier: Apache-2.0
"""How the engine is found and who may talk to it, as far as one process can show it."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import zmq
from zmq.auth import create_certificates

from scumble.api.errors import ScumbleError
from scumble.client import locate
from scumble.server import auth, engine, presence

TOKEN = "0123456789abcdef" * 4


def connection(runtime: Path, token: str = TOKEN) -> presence.Connection:
    work, control = presence.endpoints(runtime)
    return presence.describe(work, control, token, "0.1.0")


@pytest.fixture
def runtime(user_folders: Path) -> Path:
    return user_folders / "runtime"


def test_the_connection_file_is_private_and_the_client_trusts_it(runtime: Path) -> None:
    path = presence.publish(runtime, connection(runtime))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    published = locate.read_connection()
    assert published is not None
    assert (published.pid, published.token) == (os.getpid(), TOKEN)
    assert [p.name for p in runtime.iterdir()] == ["engine.json"]


def test_the_connection_file_and_the_sockets_go_with_their_engine(runtime: Path) -> None:
    ours = connection(runtime)
    presence.publish(runtime, ours)
    (runtime / "work").touch()
    presence.withdraw(ours, runtime)
    assert not list(runtime.iterdir())


def test_the_connection_file_of_a_later_engine_stays(runtime: Path) -> None:
    presence.publish(runtime, connection(runtime, token="f" * 64))
    presence.withdraw(connection(runtime), runtime)
    assert json.loads((runtime / "engine.json").read_text())["token"] == "f" * 64


def test_a_second_engine_does_not_get_the_lock(runtime: Path) -> None:
    with presence.lock(runtime), pytest.raises(presence.AlreadyRunning):
        presence.lock(runtime)
    presence.lock(runtime).close()


def test_a_runtime_folder_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    presence.private_folder(tmp_path)
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_a_runtime_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(PermissionError):
        presence.private_folder(tmp_path / "link")


def test_an_engine_whose_folder_is_a_link_says_so_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It used to call that a bug of Scumble's."""
    (tmp_path / "link").symlink_to(tmp_path)
    monkeypatch.setenv("SCUMBLE_RUNTIME_DIR", str(tmp_path / "link"))
    serving = subprocess.run([sys.executable, "-m", "scumble", "serve"], capture_output=True, text=True, timeout=60)
    assert serving.returncode == 4
    assert "has no folder to work in" in serving.stderr
    assert "SCUMBLE_RUNTIME_DIR" in serving.stderr


def test_a_path_too_long_for_a_unix_socket_becomes_a_loopback_port(tmp_path: Path) -> None:
    assert presence.endpoints(tmp_path / ("x" * 100)) == ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*")


def test_password_and_proof_are_those_of_the_protocol_page() -> None:
    # printf %s client | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
    assert auth.password(TOKEN) == "6171dff405ab79231ff1118162b91bb5d2917802409d5555e5be9bc2e2cf567a"
    assert auth.proof(TOKEN, "ab" * 16) != auth.proof(TOKEN, "ac" * 16)


def authenticator(keys: frozenset[bytes] = frozenset()) -> auth.Authenticator:
    return auth.Authenticator(zmq.Context(), TOKEN, keys)


@pytest.mark.parametrize(
    ("domain", "mechanism", "credentials", "admitted"),
    [
        (b"scumble", b"PLAIN", [b"client", auth.password(TOKEN).encode()], True),
        (b"", b"PLAIN", [b"client", auth.password(TOKEN).encode()], False),
        (b"scumble", b"PLAIN", [b"client", auth.password("0" * 64).encode()], False),
        (b"scumble", b"PLAIN", [b"client", TOKEN.encode()], False),
        (b"scumble", b"PLAIN", [b"admin", auth.password(TOKEN).encode()], False),
        (b"scumble", b"PLAIN", [b"client", b""], False),
        (b"scumble", b"PLAIN", [b"client"], False),
        (b"scumble", b"NULL", [], False),
        (b"scumble", b"CURVE", [b"k" * 32], True),
        (b"scumble", b"CURVE", [b"x" * 32], False),
        (b"scumble", b"GSSAPI", [b"k" * 32], False),
    ],
)
def test_only_the_right_password_or_a_listed_key_gets_in(
    domain: bytes, mechanism: bytes, credentials: list[bytes], admitted: bool
) -> None:
    keeper = authenticator(frozenset([b"k" * 32]))
    answer = keeper._answer([b"1.0", b"1", domain, b"127.0.0.1", b"", mechanism, *credentials])
    assert answer[2] == (b"200" if admitted else b"400")


@pytest.mark.parametrize("address", ["tcp://0.0.0.0:5570", "tcp://*:5570", "tcp://192.168.1.5:5570", "tcp://localhost:5570"])
def test_an_address_others_can_reach_is_refused_without_keys(address: str, runtime: Path) -> None:
    with pytest.raises(ScumbleError) as e:
        engine._listening(engine.Options(listen=address), runtime)
    assert e.value.code == "engine-refused"


@pytest.mark.parametrize("address", ["ipc:///tmp/x", "tcp://127.0.0.1", "tcp://127.0.0.1:x", "tcp://:5570", "5570"])
def test_what_is_no_address_is_refused(address: str, runtime: Path) -> None:
    with pytest.raises(ScumbleError):
        engine._listening(engine.Options(listen=address), runtime)


def test_a_loopback_address_takes_the_place_of_the_unix_sockets(runtime: Path) -> None:
    listening = engine._listening(engine.Options(listen="tcp://127.0.0.1:5570"), runtime)
    assert listening.local == ("tcp://127.0.0.1:5570", "tcp://127.0.0.1:5571")
    assert listening.remote is None


def test_an_empty_list_of_clients_is_no_list(runtime: Path, tmp_path: Path) -> None:
    _, secret = create_certificates(tmp_path, "engine")
    (tmp_path / "clients").mkdir()
    options = engine.Options(listen="tcp://0.0.0.0:5570", curve_key=Path(secret), curve_clients=tmp_path / "clients")
    with pytest.raises(ScumbleError, match="no client key"):
        engine._listening(options, runtime)


def test_a_remote_address_with_keys_is_served_beside_the_local_one(runtime: Path, tmp_path: Path) -> None:
    _, secret = create_certificates(tmp_path, "engine")
    (tmp_path / "clients").mkdir()
    create_certificates(tmp_path / "clients", "someone")
    options = engine.Options(listen="tcp://0.0.0.0:5570", curve_key=Path(secret), curve_clients=tmp_path / "clients")
    listening = engine._listening(options, runtime)
    assert listening.remote == ("tcp://0.0.0.0:5570", "tcp://0.0.0.0:5571")
    assert listening.local[0].startswith("ipc://")
    assert len(listening.clients) == 1

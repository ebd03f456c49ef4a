"""One Kafka process with its own data folder: started, stopped, killed, paused."""

import os
import secrets
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_KAFKA_SH = ROOT / "tools/kafka/kafka.sh"
_LIBS = ROOT / "build/kafka"
_STOP_SECONDS = 20

# For a broker that is started often and has little load: the second compiler would only waste CPU time.
QUICK_START = ("-XX:TieredStopAtLevel=1",)


def new_cluster_id() -> str:
    """A random id like that of `StorageTool random-uuid`: 16 random bytes in URL-safe base64 without
    padding."""
    return secrets.token_urlsafe(16).replace("-", "A").replace("_", "B")


def class_archive_of(version: str) -> Path:
    """The class archive for this version, used by every Java process started here if it exists; see
    class_archive.py."""
    return _jars_of(version) / "classes.jsa"


def _jars_of(version: str) -> Path:
    return _LIBS / (f"libs-{version}" if version else "libs")


class BrokerProcess:
    """One process, which may be broker, controller or both. Not thread-safe.

    Doesn't check readiness: launch() returns while the process starts. Data and configuration stay in
    `folder` across stop, kill and launch. `version` selects another version than the default; `options` are
    additional options of the JVM.
    """

    def __init__(self, folder: Path, heap: str, version: str = "", options: Sequence[str] = ()):
        self._folder = folder
        self._options = [f"-Xmx{heap}", *options]
        self._version = version
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False
        self.log_path = folder / "broker.log"

    @property
    def data(self) -> Path:
        return self._folder / "data"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker is not running"
        return self._process.pid

    def fetch(self) -> None:
        """Fetches the jars if they are not there yet."""
        subprocess.run([_KAFKA_SH, "fetch", self._version], check=True, stdin=subprocess.DEVNULL)

    def configure(self, properties: Mapping[str, str]) -> None:
        """Sets properties for the next launch; they override tools/kafka/server.properties."""
        base = (ROOT / "tools/kafka/server.properties").read_text()
        own = {"log.dirs": str(self.data)} | dict(properties)
        self._config.write_text(base + "\n" + "".join(f"{key}={value}\n" for key, value in own.items()))

    def format(self, cluster_id: str, scram: Sequence[str] = ()) -> None:
        """Formats the data folder, once; `scram` are users in the format of `StorageTool --add-scram`."""
        if (self.data / "meta.properties").exists():
            return
        command = self._java("-XX:TieredStopAtLevel=1", "-cp", self.class_path, "kafka.tools.StorageTool")
        command += ["format", "-t", cluster_id, "-c", str(self._config)]
        for user in scram:
            command += ["--add-scram", user]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"the data directory could not be formatted\n{done.stdout}{done.stderr}")

    def launch(self) -> None:
        command = self._java(*self._options, "-cp", self.class_path, "kafka.Kafka")
        with self.log_path.open("ab") as log:
            log.write(b"--- start\n")
            log.flush()
            self._process = subprocess.Popen(
                [*command, str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C goes only to pytest, which then closes the broker.
                start_new_session=True,
            )

    def stop(self, seconds: float = _STOP_SECONDS) -> bool:
        """Clean shutdown. If it takes too long, kills the process and returns False. Does nothing if the
        broker isn't running."""
        return self._end(signal.SIGTERM, seconds)

    def kill(self) -> None:
        """kill -9: connections break, nothing is flushed."""
        self._end(signal.SIGKILL, _STOP_SECONDS)

    def pause(self) -> None:
        """SIGSTOP: connections stay open, and nothing is answered after this call returns.

        The signal goes to one thread, and the others keep running until that one was scheduled on a
        processor, so this waits until the last thread has stopped.
        """
        os.kill(self.pid, signal.SIGSTOP)
        self._paused = True
        change = os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        assert change is not None and change.si_code == os.CLD_STOPPED, "the broker ended instead of pausing"

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)
        self._paused = False

    def resume_if_paused(self) -> None:
        if self._paused:
            self.resume()

    @property
    def port_was_taken(self) -> bool:
        """Whether the process ended because another process had one of its ports."""
        return not self.running and "Address already in use" in self.log_tail()

    def log_tail(self, lines: int = 40) -> str:
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return f"--- end of {self.log_path}:\n" + "\n".join(text.splitlines()[-lines:])

    @property
    def class_path(self) -> str:
        return f"{_jars_of(self._version)}/*"

    @property
    def _config(self) -> Path:
        return self._folder / "server.properties"

    def tool(self, name: str, *arguments: str) -> None:
        """Runs one of Kafka's own programs by its class name."""
        command = self._java("-XX:TieredStopAtLevel=1", "-cp", self.class_path, name)
        command += arguments
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)

    def _java(self, *arguments: str) -> list[str]:
        archive = class_archive_of(self._version)
        archived = [f"-XX:SharedArchiveFile={archive}"] if archive.exists() else []
        # The archive requires the same garbage collector.
        return [
            "java",
            "-XX:+UseSerialGC",
            *archived,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            *arguments,
        ]

    def _end(self, how: signal.Signals, seconds: float) -> bool:
        if not self.running:
            self._process = None
            return True
        assert self._process is not None
        self.resume_if_paused()
        self._process.send_signal(how)
        in_time = True
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            in_time = False
            self._process.kill()
            self._process.wait()
        self._process = None
        return in_time

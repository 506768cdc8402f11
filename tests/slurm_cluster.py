"""A Slurm for a file of tests: munged, slurmctld and two slurmd as two nodes of this machine, on free ports.

What a job starts finds the controller by /etc/slurm/slurm.conf alone, which is why this needs root: a file that is
there is kept aside and put back, and a lock lets one cluster stand at a time.
"""

from __future__ import annotations

import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
CONFIGURATION = Path("/etc/slurm/slurm.conf")
ASIDE = CONFIGURATION.with_name("slurm.conf.before-darkpool-tests")
LOCK = Path("/run/lock/darkpool-slurm-tests")
NODES = ("n1", "n2")
PLUGINS = ROOT / ".venv/plugins"
"""Where `make test` puts the executor: in the environment itself it would slow every start of Snakemake."""
EXECUTOR = "snakemake_executor_plugin_slurm"
NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol")
PATIENCE = 30.0

# Jobs that have ended stay known for MinJobAge seconds, which is how squeue can tell what became of them.
WRITTEN = """
ClusterName=darkpool
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmctldPort={ports[0]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
SwitchType=switch/none
MpiDefault=none
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
MinJobAge=300
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=4000 State=UNKNOWN
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=4000 State=UNKNOWN
PartitionName=debug Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"""


@dataclass
class Cluster:
    """A controller and two nodes that are up; `folder` holds their state, spool and logs."""

    folder: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def ask(self, *command: str) -> str:
        """What a command of Slurm's says; it must end 0."""
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout

    def jobs(self, *states: str) -> dict[str, str]:
        """Comments, which name rule and part, by the number of every job in one of `states`, or in any."""
        chosen = ["-t", ",".join(states or ("all",))]
        lines = self.ask("squeue", "-h", *chosen, "-o", "%A %k").splitlines()
        return dict(line.split(maxsplit=1) for line in lines)

    def states(self) -> dict[str, str]:
        """States of the nodes."""
        return dict(line.split() for line in self.ask("sinfo", "-h", "-N", "-o", "%N %T").splitlines())

    def update(self, node: str, state: str) -> None:
        self.ask("scontrol", "update", f"NodeName={node}", f"State={state}", *["Reason=test"] * (state != "resume"))

    def processes(self, job: str) -> list[psutil.Process]:
        """What runs on the nodes for a job: its own processes, without Slurm's."""
        return [one for one in psutil.process_iter() if _environment(one).get("SLURM_JOB_ID") == job]

    def kept(self) -> list[Path]:
        """Every file in which controller and nodes keep the script and environment of jobs."""
        places = [self.folder / "state", *(self.folder / f"spool-{node}" for node in NODES)]
        return [path for place in places for path in place.rglob("*") if path.is_file()]

    def recover(self) -> None:
        """All jobs cancelled, both nodes idle."""
        self.ask("scancel", "--user", "root")
        for node, state in self.states().items():
            if not state.startswith(("idle", "mixed", "allocated", "completing")):
                self.update(node, "resume")
        wait(lambda: set(self.states().values()) == {"idle"}, "both nodes idle")


def wait(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Raise AssertionError where `condition` does not come true in time."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, f"{what}: not within {seconds:g} s"
        time.sleep(0.1)


def missing() -> str:
    """What this machine lacks, empty where a cluster can be started."""
    absent = [name for name in NEEDED if shutil.which(name, path=path()) is None]
    if absent:
        return f"{', '.join(absent)}: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
    if os.geteuid() != 0:
        return "root, who alone can write /etc/slurm/slurm.conf"
    if not (PLUGINS / EXECUTOR).is_dir() and importlib.util.find_spec(EXECUTOR) is None:
        return "Snakemake's executor for Slurm: make .venv/plugins/.ready"
    return ""


def require() -> None:
    """Skip where no cluster can be started; a fault where DARKPOOL_NEEDS_SLURM is 1."""
    if lacking := missing():
        if os.environ.get("DARKPOOL_NEEDS_SLURM") == "1":
            pytest.fail(f"Slurm cannot be started; missing: {lacking}")
        pytest.skip(f"Slurm cannot be started; missing: {lacking}")


@contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    """A cluster whose files lie in `folder`; all that it started is ended, and the machine's own slurm.conf is back."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cluster = Cluster(folder)
        had = CONFIGURATION.exists() and not ASIDE.exists()  # aside: a killed run left ours, and theirs there
        try:
            if had:
                CONFIGURATION.rename(ASIDE)
            _start(cluster)
            yield cluster
        finally:
            _end(cluster)
            CONFIGURATION.unlink(missing_ok=True)
            if ASIDE.exists():
                ASIDE.rename(CONFIGURATION)


def _start(cluster: Cluster) -> None:
    folder = cluster.folder
    for name in ("state", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir(parents=True)
    CONFIGURATION.parent.mkdir(parents=True, exist_ok=True)
    CONFIGURATION.write_text(
        WRITTEN.format(host=socket.gethostname().partition(".")[0], folder=folder, ports=_ports(3))
    )
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    munge = {"key-file": key, "socket": folder / "munge.sock", "pid-file": folder / "munged.pid"}
    munge |= {"log-file": folder / "munged.log", "seed-file": folder / "munged.seed"}
    _run(cluster, "munged", "--force", "--foreground", *(f"--{name}={path}" for name, path in munge.items()))
    wait((folder / "munge.sock").exists, "munged")
    _run(cluster, "slurmctld", "-D", "-c")
    for node in NODES:
        _run(cluster, "slurmd", "-D", "-c", "-N", node)
    wait(lambda: _are_idle(cluster), f"two idle nodes (logs in {folder})")


def _run(cluster: Cluster, *command: str) -> None:
    """Start a daemon that ends with this process, with none of its environment: the nodes are other machines."""
    cluster.daemons.append(
        subprocess.Popen(
            [shutil.which(command[0], path=path()) or command[0], *command[1:]],
            env={"PATH": path()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(cluster.folder / f"{command[0]}-{command[-1].lstrip('-')[:2]}.err").open("wb"),
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - pytest starts them before any thread
        )
    )


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def _end(cluster: Cluster) -> None:
    if cluster.daemons and all(daemon.poll() is None for daemon in cluster.daemons):
        subprocess.run(["scancel", "--user", "root"], check=False, timeout=PATIENCE, capture_output=True)
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends and cluster.jobs("running", "completing"):
            time.sleep(0.1)
    for daemon in reversed(cluster.daemons):
        daemon.terminate()
        try:
            daemon.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


def _are_idle(cluster: Cluster) -> bool:
    told = subprocess.run(
        ["sinfo", "-h", "-N", "-o", "%N %T"], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    return told.returncode == 0 and dict(line.split() for line in told.stdout.splitlines()) == dict.fromkeys(
        NODES, "idle"
    )


def _ports(count: int) -> list[int]:
    """Ports of loopback that are free; all are held until the last is found, so that none comes twice."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    found = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return found


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def path() -> str:
    """PATH with this environment's commands and Slurm's."""
    return os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/sbin", "/usr/bin", "/bin"]
    )


def kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def path_of_executor() -> str:
    """PYTHONPATH of a command that is to find the executor."""
    return str(PLUGINS) if PLUGINS.is_dir() else ""

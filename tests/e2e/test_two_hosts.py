#!/usr/bin/env python3
"""Two ranks of one run on two hosts: two network namespaces that see each other through a virtual cable alone.

Usage: test_two_hosts.py AF2. Trains the shipped model for two steps on its examples, and holds the losses to those of one rank. Skipped, with the reason,
where namespaces cannot be made (not root, no iproute2).
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77
HOSTS = ("af2-host-a", "af2-host-b")
ADDRESSES = ("10.77.23.1", "10.77.23.2")


def ip(*arguments, check=True):
    return subprocess.run(["ip", *arguments], check=check, capture_output=True, text=True)


def make_hosts():
    """Why it cannot be done, or nothing."""
    if os.geteuid() != 0:
        return "namespaces want root"
    if not shutil.which("ip"):
        return "there is no `ip` (iproute2)"
    remove_hosts()
    try:
        for host in HOSTS:
            ip("netns", "add", host)
        ip("link", "add", "af2-cable-a", "netns", HOSTS[0], "type", "veth", "peer", "name", "af2-cable-b", "netns", HOSTS[1])
        for host, end, address in zip(HOSTS, ("af2-cable-a", "af2-cable-b"), ADDRESSES):
            ip("-n", host, "addr", "add", address + "/24", "dev", end)
            ip("-n", host, "link", "set", end, "up")
            ip("-n", host, "link", "set", "lo", "up")
    except subprocess.CalledProcessError as failed:
        return f"{' '.join(failed.cmd)}: {failed.stderr.strip()}"
    return None


def remove_hosts():
    for host in HOSTS:
        ip("netns", "delete", host, check=False)


def losses(run):
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [record["loss"] for record in records if "loss" in record]


def main(af2):
    reason = make_hosts()
    if reason:
        print("skipped:", reason)
        return SKIP
    try:
        with tempfile.TemporaryDirectory(prefix="af2_hosts_") as scratch:
            folder = pathlib.Path(scratch)
            names = ("bell", "coins", "crow", "footsteps", "helicopter", "piano", "speech", "stream")
            lines = [json.dumps({"audio": str(ROOT / f"models/mini/examples/{name}.ogg"), "prompt": "What is heard?", "output": name}) for name in names]
            (folder / "examples.jsonl").write_text("\n".join(lines) + "\n")
            (folder / "recipe.json").write_text(json.dumps({
                "task": "stage", "model": str(ROOT / "models/mini"), "threads": 1, "stop_after": 2, "rank_timeout_s": 120,
                "save_every": 2, "val_every": 100, "shard_optimizer": True,
                "stage": {"train": ["adapter"], "windows": 1, "slices": 1, "max_clips": 2, "max_windows": 2, "batches_per_step": 2,
                          "sets": [{"name": "examples", "manifest": str(folder / "examples.jsonl")}]}}))
            command = [af2, "train", "--config", str(folder / "recipe.json"), "--out"]
            alone = subprocess.run([*command, str(folder / "alone")], capture_output=True, text=True)
            assert alone.returncode == 0, alone.stderr
            ranks = []
            for rank, host in enumerate(HOSTS):
                environment = dict(os.environ, RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR=ADDRESSES[0], MASTER_PORT="29577", OMP_NUM_THREADS="1")
                ranks.append(subprocess.Popen(["ip", "netns", "exec", host, *command, str(folder / "both")], env=environment,
                                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
            said = [rank.communicate(timeout=600)[0] for rank in ranks]
            for rank, text in zip(ranks, said):
                assert rank.returncode == 0, text
            one, two = losses(folder / "alone"), losses(folder / "both")
            assert len(one) == len(two) == 2, (one, two)
            for a, b in zip(one, two):
                assert abs(b / a - 1) < 1e-3, (one, two)
            print(f"two hosts: losses {two}, alone {one}")
            # Nothing went another way: the cable is all that there is.
            counted = json.loads(ip("-n", HOSTS[0], "-s", "-j", "link", "show", "dev", "af2-cable-a").stdout)[0]["stats64"]
            print(f"bytes over the cable: {counted['tx']['bytes']} sent, {counted['rx']['bytes']} received")
            assert counted["tx"]["bytes"] > 1e6, counted
    finally:
        remove_hosts()
    return 0


if __name__ == "__main__":
    sys.exit(main(str(pathlib.Path(sys.argv[1]).resolve())))

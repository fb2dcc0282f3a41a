"""What the machine that runs these tests can do, as af2 says it."""
import subprocess


def has_bf16(program):
    """Whether its processor multiplies bfloat16; where not, --dtype bf16 is float32, with a notice."""
    devices = subprocess.run([program, "--list-devices"], capture_output=True, text=True, check=True).stdout
    return "bf16" in devices.splitlines()[0]

"""Files of containers and clusters: read as what they are, checked by the
tools and schemas that are here, and held against each other: times to stop,
variables, ids."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import yaml
except ImportError:
    print("no python3-yaml")
    sys.exit(77)

SRC = os.environ.get("GANGER_SRCDIR", ".")
BUILD = os.environ.get("GANGER_BUILDDIR", ".")
COMPOSE = os.path.join(SRC, "deploy", "compose", "docker-compose.yml")
K8S = os.path.join(SRC, "deploy", "k8s")
missing = []


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)([smh]?)", str(text)).groups()
    return int(number) * {"": 1, "s": 1, "m": 60, "h": 3600}[unit]


def effective(ini):
    """What gangerd makes of a configuration: times in seconds, by name."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "ganger.ini")
        with open(path, "w") as f:
            f.write(re.sub(r"(?m)^(run_dir|state_dir|dir) = /",
                           r"\1 = %s/" % folder, ini))
        os.chmod(path, 0o600)
        env = dict(os.environ, GANGER_PLUGIN_DIR=os.path.join(BUILD, ".libs"))
        for variable in ("REDIS_URL", "WORKER_ID"):
            env.pop(variable, None)
        out = subprocess.run([os.path.join(BUILD, "gangerd"), "-T", "-c", path],
                             stdout=subprocess.PIPE, env=env, check=True)
    return dict(line.split(" = ", 1)
                for line in out.stdout.decode().splitlines()
                if re.match(r"\w+ = ", line))


def needed(ini):
    """Seconds from TERM until the worker is gone, with some to spare."""
    values = effective(ini)
    return (seconds(values["shutdown_grace"]) + seconds(values["kill_grace"])
            + 10)


def check_writable(name, mounts):
    """Where the root is read-only: jobs have their folders in state_dir."""
    for folder in ("/var/lib/ganger", "/run/ganger", "/tmp"):
        assert folder in mounts, "%s: nothing to write to at %s" % (
            name, folder)


def check_compose():
    with open(COMPOSE) as f:
        services = yaml.safe_load(f)["services"]
    assert set(services) == {"redis", "ai-worker", "ai-worker-gpu"}, services
    with open(os.path.join(SRC, "deploy/docker/ganger.ini")) as f:
        stop = needed(f.read())
    for name in ("ai-worker", "ai-worker-gpu"):
        worker = services[name]
        assert seconds(worker["stop_grace_period"]) >= stop, (name, stop)
        # a replica has an id and a port of its own
        assert "WORKER_ID" not in worker["environment"], name
        assert "container_name" not in worker and "ports" not in worker, name
        for variable in ("REDIS_URL", "MAX_CONCURRENT_JOBS", "USE_GPU",
                         "JOB_TIMEOUT"):
            assert variable in worker["environment"], (name, variable)
        if worker["read_only"]:
            check_writable(name, [v.split(":")[-1] for v in
                                  worker["volumes"]] +
                           [t.split(":")[0] for t in worker["tmpfs"]])
        build = worker["build"]
        assert os.path.exists(os.path.join(
            os.path.dirname(COMPOSE), build["context"], build["dockerfile"]))
    assert "noeviction" in services["redis"]["command"]
    if shutil.which("docker-compose"):
        subprocess.run(["docker-compose", "-f", COMPOSE, "config", "-q"],
                       check=True, timeout=60)
    else:
        missing.append("docker-compose")


def objects():
    for name in sorted(os.listdir(K8S)):
        with open(os.path.join(K8S, name)) as f:
            yield from yaml.safe_load_all(f)


def check_pod(deployment, stop):
    spec = deployment["spec"]["template"]["spec"]
    container = spec["containers"][0]
    name = deployment["metadata"]["name"]
    command = " ".join(container["lifecycle"]["preStop"]["exec"]["command"])
    assert "ganger drain" in command, command
    drain = int(re.search(r"--timeout (\d+)", command).group(1))
    grace = spec["terminationGracePeriodSeconds"]
    assert grace >= drain + stop, (name, grace, drain, stop)
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz", name
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz", name
    assert spec["securityContext"]["runAsNonRoot"], name
    if container["securityContext"]["readOnlyRootFilesystem"]:
        check_writable(name, [m["mountPath"] for m in
                              container["volumeMounts"]
                              if not m.get("readOnly")])
    env = {e["name"]: e for e in container["env"]}
    assert "fieldRef" in env["WORKER_ID"]["valueFrom"], name
    gpu = env["USE_GPU"]["value"] == "true"
    assert gpu == ("nvidia.com/gpu" in container["resources"]["limits"]), name
    # what the HPA's percentages are of
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}, name


def check_k8s():
    found = list(objects())
    config = [o for o in found if o["kind"] == "ConfigMap"][0]
    stop = needed(config["data"]["ganger.ini"])
    deployments = {o["metadata"]["name"]: o for o in found
                   if o["kind"] == "Deployment"}
    assert set(deployments) == {"ai-worker", "ai-worker-gpu"}
    for deployment in deployments.values():
        check_pod(deployment, stop)
    hpa = [o for o in found if o["kind"] == "HorizontalPodAutoscaler"][0]
    spec = hpa["spec"]
    assert spec["scaleTargetRef"]["name"] in deployments
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 10)
    assert {m["resource"]["name"]: m["resource"]["target"]["averageUtilization"]
            for m in spec["metrics"]} == {"cpu": 70, "memory": 80}
    # a count in the file would be set back at every apply
    assert "replicas" not in deployments["ai-worker"]["spec"]
    check_schemas(found)


def check_schemas(found):
    node = shutil.which("node")
    if not node:
        missing.append("node")
        return
    done = subprocess.run(
        [node, os.path.join(SRC, "tests/deploy/check_k8s.js")],
        input=json.dumps(found).encode(), stdout=subprocess.PIPE, timeout=120)
    if done.returncode == 77:
        missing.append("kubernetes-models")
    else:
        sys.stdout.write(done.stdout.decode())
        assert done.returncode == 0


def check_dockerfiles():
    for name in ("Dockerfile", "Dockerfile.gpu"):
        with open(os.path.join(SRC, "deploy/docker", name)) as f:
            text = f.read()
        last = text.rsplit("\nFROM ", 1)[1]
        assert re.search(r"(?m)^USER [1-9]\d*", last), name
        assert re.search(r"(?m)^HEALTHCHECK ", last), name
        assert 'ENTRYPOINT ["/usr/sbin/gangerd", "-F"]' in last, name
        for source in re.findall(r"(?m)^COPY (deploy/\S+)", text):
            assert os.path.exists(os.path.join(SRC, source)), source


check_dockerfiles()
check_compose()
check_k8s()
if missing:
    print("good so far; not here, so not checked by:", ", ".join(missing))
    sys.exit(77)

"""`ganger plan` for whole servers: recorded topologies (NAME.xml), lists of
GPUs as the prober writes them (NAME.gpus.json), configurations (NAME.ini)
and the plans that must come of them (NAME.plan). Then rules that any plan
must keep, checked on all of them, and the host of the stand-in GPUs.

GANGER_REGOLD=1 writes the plans anew; look at the difference before use."""
import json
import os
import subprocess
import tempfile
import textwrap
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("GANGER_BUILDDIR", os.getcwd())
GANGER = os.path.join(BUILD, "ganger")
PROBE = os.path.join(BUILD, "ganger-gpuprobe")
LIMIT = 60

# name of the plan: topology, GPUs, variables
CASES = {
    "xeon": ("xeon", "xeon", {}),
    "mig": ("xeon", "mig", {}),
    "epyc": ("epyc", "epyc", {}),
    "arm": ("arm", None, {}),
    "container": ("container", None, {}),
    "desktop": ("desktop", "desktop", {"USE_GPU": "yes",
                                       "MAX_CONCURRENT_JOBS": "auto"}),
    "hybrid": ("hybrid", "hybrid", {}),
    "crowded": ("desktop", None, {"MAX_CONCURRENT_JOBS": "9"}),
    "standin": ("standin", "standin", {}),
}


def numbers(text):
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def standin_env(**more):
    return dict(os.environ, LD_LIBRARY_PATH=os.path.join(BUILD, "tests/gpu"),
                GANGER_STANDIN="/dev/null", GANGER_GPUPROBE=PROBE, **more)


class Case(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory(prefix="ganger-plan-")
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name
        self.maxDiff = None

    def ini(self, text):
        path = os.path.join(self.dir, "t.ini")
        with open(path, "w") as f:
            f.write(text)
        os.chmod(path, 0o600)
        return path

    def standin_list(self):
        path = os.path.join(self.dir, "gpus.json")
        with open(path, "w") as f:
            subprocess.run([PROBE, "--list"], env=standin_env(), stdout=f,
                           timeout=LIMIT, check=True)
        return path

    def plan(self, name, *more, ini=None):
        topology, gpus, env = CASES[name]
        args = [GANGER, "plan", "--topology",
                os.path.join(HERE, topology + ".xml"), *more]
        path = os.path.join(HERE, name + ".ini")
        if ini is None and os.path.exists(path):
            with open(path) as f:
                ini = f.read()
        args += ["-c", self.ini(ini or "")]
        if gpus == "standin":
            args += ["--gpus", self.standin_list()]
        elif gpus is not None:
            args += ["--gpus", os.path.join(HERE, gpus + ".gpus.json")]
        return subprocess.run(args, env=dict(os.environ, **env),
                              capture_output=True, text=True, timeout=LIMIT)


class Golden(Case):
    def test_plans_are_as_written_down(self):
        for name in CASES:
            with self.subTest(name):
                r = self.plan(name)
                self.assertEqual(r.returncode, 0, r.stderr)
                path = os.path.join(HERE, name + ".plan")
                got = r.stdout + r.stderr
                if os.environ.get("GANGER_REGOLD"):
                    with open(path, "w") as f:
                        f.write(got)
                with open(path) as f:
                    self.assertEqual(got, f.read())


class Pages(Case):
    def test_pictures_of_the_page_are_these(self):
        with open(os.path.join(HERE, "../../docs/placement.md")) as f:
            page = f.read()
        for name in ("epyc", "crowded", "hybrid", "mig"):
            with open(os.path.join(HERE, name + ".plan")) as f:
                self.assertIn(textwrap.indent(f.read(), "    "), page)


class Kinds(Case):
    """Cores of two kinds: CPUs 0-15 are eight fast cores, 16-31 sixteen slow
    ones."""

    def slots(self, ini):
        r = self.plan("hybrid", "--json", ini=ini)
        self.assertEqual(r.returncode, 0, r.stderr)
        p = json.loads(r.stdout)
        return [(s["kind"], s["cpus"]) for s in p["slots"]], p

    def test_a_slot_has_cores_of_one_kind_and_each_kind_a_slot(self):
        for n in range(2, 20):
            got, p = self.slots(f"[supervisor]\nhousekeeping_cpus = none"
                                f"\n[pool a]\nslots = {n}\n")
            self.assertEqual({k for k, _ in got}, {"P", "E"}, n)
            self.assertEqual(p["left"], "", n)
            # the first ones have the fast cores
            self.assertEqual([k for k, _ in got],
                             sorted((k for k, _ in got), reverse=True))

    def test_gpu_slots_have_fast_cores(self):
        got, _ = self.slots("[pool c]\nslots = 6\n[pool g]\ndevices = 0\n"
                            "slots_per_device = 3\n")
        self.assertEqual([k for k, _ in got[6:]], ["P"] * 3)

    def test_one_slot_and_what_is_left_over(self):
        got, p = self.slots("[pool a]\nslots = 1\n")
        self.assertEqual(got, [("P", "0-15")])
        self.assertIn("no slot has one of the 16 E cores", p["warnings"][0])
        self.assertEqual(p["daemon"], "16-31")

    def test_what_a_pool_names_is_its_own(self):
        got, p = self.slots("[pool a]\nslots = 1\ncpus = 8-23\n")
        self.assertEqual(got, [("mixed", "8-23")])
        self.assertIn("cores of several kinds", p["warnings"][0])
        got, _ = self.slots("[pool a]\nslots = 2\ncpus = 8-23\n")
        self.assertEqual(got, [("P", "8-15"), ("E", "16-23")])

    def test_more_slots_than_cores_begin_with_the_fast(self):
        got, _ = self.slots("[pool a]\nslots = 30\n")
        self.assertEqual([k for k, _ in got],
                         ["P"] * 8 + ["E"] * 16 + ["P"] * 6)


class Rules(Case):
    """What holds whatever the numbers are."""

    def each(self):
        for name in CASES:
            r = self.plan(name, "--json")
            self.assertEqual(r.returncode, 0, r.stderr)
            yield json.loads(r.stdout)

    def test_slots_have_whole_cores_that_they_may_use(self):
        for p in self.each():
            usable = numbers(p["usable"])
            cores = [numbers(c["cpus"]) & usable for c in p["cores"]]
            for s in p["slots"]:
                cpus = numbers(s["cpus"])
                self.assertTrue(cpus)
                self.assertLessEqual(cpus, usable)
                for core in cores:
                    self.assertIn(cpus & core, (set(), core))

    def test_cores_are_shared_only_where_it_says_so(self):
        for p in self.each():
            for s in p["slots"]:
                others = [numbers(o["cpus"]) for o in p["slots"]
                          if o["slot"] != s["slot"]]
                meets = any(numbers(s["cpus"]) & o for o in others)
                self.assertEqual(meets, s["shared"])

    def test_the_daemon_keeps_off_what_is_left(self):
        for p in self.each():
            used = set().union(*(numbers(s["cpus"]) for s in p["slots"]))
            left = numbers(p["usable"]) - used
            self.assertEqual(numbers(p["left"]), left)
            self.assertEqual(numbers(p["daemon"]),
                             left or numbers(p["usable"]))

    def test_gpu_slots_run_near_their_gpu(self):
        for p in self.each():
            near = {g["uuid"]: numbers(g["cpus"]) for g in p["gpus"]}
            node = {g["uuid"]: g["node"] for g in p["gpus"]}
            for s in p["slots"]:
                for uuid in s["devices"]:
                    if near[uuid]:
                        self.assertLessEqual(numbers(s["cpus"]), near[uuid])
                    else:
                        self.assertEqual(s["nodes"], str(node[uuid]))

    def test_no_cpu_slot_crosses_a_node(self):
        for p in self.each():
            for s in p["slots"]:
                self.assertTrue(s["nodes"].isdigit(), s)


class Refused(Case):
    def test_what_is_missing_is_said(self):
        for ini, text in (
                ("[pool g]\ndevices = 7,8\n",
                 "t.ini:2: devices: there is no GPU 8: this host has 8, "
                 "numbered 0 to 7"),
                ("[pool g]\ndevices = 0\ncpus = 200\n",
                 "t.ini:3: cpus: CPU 200 is not on this host"),
                ("use_gpu = yes\ngpu_device = 8\n", "gpu_device")):
            if not ini.startswith("["):
                ini = "[supervisor]\n" + ini
            r = self.plan("xeon", ini=ini)
            self.assertEqual(r.returncode, 1)
            self.assertEqual(r.stdout, "")
            self.assertIn(text, r.stderr)

    def test_bad_files(self):
        path = self.ini("no topology")
        for args in (["--topology", path], ["--topology", "/nonexistent"],
                     ["--gpus", path], ["--gpus", "/nonexistent"]):
            r = subprocess.run([GANGER, "plan", *args], capture_output=True,
                               text=True, timeout=LIMIT)
            self.assertEqual(r.returncode, 1, args)
            self.assertIn(args[1], r.stderr)


class ThisHost(Case):
    """No topology given: the host that the test runs on, with stand-ins for
    its GPUs."""

    def plan_here(self, *args, **env):
        return subprocess.run([GANGER, "plan", *args], env=standin_env(**env),
                              capture_output=True, text=True, timeout=LIMIT)

    def test_neither_daemon_nor_redis_is_needed(self):
        r = self.plan_here("--json", REDIS_URL="unix:/nonexistent/redis")
        self.assertEqual(r.returncode, 0, r.stderr)
        p = json.loads(r.stdout)
        self.assertEqual(len(p["slots"]), 2)
        self.assertEqual(numbers(p["usable"]), os.sched_getaffinity(0))

    def test_the_prober_is_asked_where_gpus_are_wanted(self):
        r = self.plan_here("--json", USE_GPU="1", GPU_DEVICE="all",
                           MAX_CONCURRENT_JOBS="8")
        self.assertEqual(r.returncode, 0, r.stderr)
        p = json.loads(r.stdout)
        self.assertEqual(len(p["gpus"]), 8)
        self.assertEqual([len(s["devices"]) for s in p["slots"]], [1] * 8)
        self.assertEqual(len({s["devices"][0] for s in p["slots"]}), 8)
        r = self.plan_here(USE_GPU="1", GPU_DEVICE="8")
        self.assertEqual(r.returncode, 1)
        self.assertIn("there is no GPU 8: this host has 8", r.stderr)

    def test_variables_of_hwloc_do_not_matter(self):
        r = self.plan_here("--json", HWLOC_SYNTHETIC="core:64 pu:2",
                           HWLOC_XMLFILE=os.path.join(HERE, "xeon.xml"))
        self.assertEqual(numbers(json.loads(r.stdout)["usable"]),
                         os.sched_getaffinity(0))


if __name__ == "__main__":
    unittest.main(verbosity=2)

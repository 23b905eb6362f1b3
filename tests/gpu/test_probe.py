"""ganger-gpuprobe against the STAND-INS of NVML and CUDA (tests/gpu): what it
lists, watches and tests, and what it says where things are missing, lost or
hang. Nothing here says anything about a real GPU."""
import json
import os
import select
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ.get("GANGER_BUILDDIR", os.getcwd())
PROBE = os.path.join(BUILD, "ganger-gpuprobe")
LIMIT = 60


def gpu(i):
    return f"GPU-5742d1e5-0000-4000-8000-{i:012d}"


def mig(i, k):
    return f"MIG-5742d1e5-0000-4000-8000-{i:06d}{k:06d}"


class Case(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory(prefix="ganger-gpu-")
        self.addCleanup(tmp.cleanup)
        self.script = os.path.join(tmp.name, "script")
        self.env = dict(os.environ, GANGER_STANDIN=self.script,
                        LD_LIBRARY_PATH=os.path.join(BUILD, "tests/gpu"))
        for name in ("CUDA_VISIBLE_DEVICES", "GANGER_RESULT"):
            self.env.pop(name, None)
        self.host("")

    def host(self, text):
        with open(self.script, "a") as f:
            f.write(text + "\n")

    def run_probe(self, *args, stdin=""):
        return subprocess.run([PROBE, *args], env=self.env, input=stdin,
                              capture_output=True, text=True, timeout=LIMIT)

    def listed(self):
        r = self.run_probe("--list")
        self.assertEqual(r.returncode, 0, r.stderr)
        return json.loads(r.stdout)


class List(Case):
    def test_eight_gpus_on_two_nodes_in_pci_order(self):
        got = self.listed()
        self.assertEqual(got["driver"], "0.0-stand-in")
        self.assertEqual(got["cuda"], 13000)
        self.assertEqual([g["uuid"] for g in got["gpus"]],
                         [gpu(i) for i in range(8)])
        self.assertEqual([g["index"] for g in got["gpus"]], list(range(8)))
        self.assertEqual([g["node"] for g in got["gpus"]],
                         [0] * 4 + [1] * 4)
        first = got["gpus"][0]
        self.assertEqual(first["pci"], "0000:10:00.0")
        self.assertEqual(first["cpus"], "0-31")
        self.assertEqual(first["memory_total"], 80 << 30)
        self.assertEqual(first["memory_free"],
                         (80 << 30) - (512 << 20) - (300 << 20))
        self.assertEqual(first["mode"], "default")
        self.assertTrue(first["ecc"])

    def test_mig_devices_follow_their_gpu(self):
        self.host("gpus 2\ngpu 1 mig=2")
        got = self.listed()["gpus"]
        self.assertEqual([g["uuid"] for g in got],
                         [gpu(0), gpu(1), mig(1, 1), mig(1, 2)])
        self.assertEqual([g["mig_parent"] for g in got],
                         [False, True, False, False])
        self.assertEqual([g["mig"] for g in got], [False, False, True, True])
        self.assertEqual([(g["parent"], g["instance"]) for g in got[2:]],
                         [(1, 1), (1, 2)])

    def test_what_can_not_be_used_says_why(self):
        self.host("gpus 3\ngpu 0 mode=2\ngpu 2 reset=1")
        got = {g["uuid"]: g["sick"] for g in self.listed()["gpus"]}
        self.assertEqual(got[gpu(0)], "its compute mode is prohibited")
        self.assertEqual(got[gpu(1)], "")
        # one that needs a reset gives no handle: it is not there
        self.assertNotIn(gpu(2), got)

    def test_no_library_no_driver_no_gpu(self):
        self.host("gpus 0")
        self.assertEqual(self.listed()["why"],
                         "the driver is there and finds no GPU")
        self.host("init fail")
        self.assertIn("the NVIDIA driver is not loaded",
                      self.listed()["why"])
        self.env["LD_LIBRARY_PATH"] = ""
        got = self.listed()
        self.assertEqual(got["gpus"], [])
        if "stand-in" not in got["driver"] and got["driver"] == "":
            self.assertIn("libnvidia-ml.so.1", got["why"])

    def test_a_table_for_people(self):
        self.host("gpus 2\ngpu 1 mig=1\nproc 0 4242 3G")
        r = self.run_probe()
        self.assertEqual(r.returncode, 0)
        self.assertIn("split by MIG", r.stdout)
        self.assertIn(mig(1, 1), r.stdout)
        self.assertIn("process 4242  3072 MiB", r.stdout)

    def test_bad_arguments(self):
        for args in (["--nonsense"], ["--period", "x"], ["--bytes", "-1"], ["--after", "x"],
                     ["extra"]):
            self.assertEqual(self.run_probe(*args).returncode, 64, args)


class Watch(Case):
    def watch(self, *args):
        p = subprocess.Popen([PROBE, "--watch", "--period", "100ms", *args],
                             env=self.env, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stdin.close)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        return p

    def until(self, p, fits):
        end = time.monotonic() + LIMIT
        while time.monotonic() < end:
            ready, _, _ = select.select([p.stdout], [], [], 1)
            if not ready:
                continue
            line = p.stdout.readline()
            self.assertNotEqual(line, "", "the watch ended")
            if fits(json.loads(line)):
                return json.loads(line)
        self.fail("no such line")

    def test_list_first_then_samples(self):
        self.host("gpus 2\nproc 1 77 1G")
        p = self.watch()
        self.assertEqual(json.loads(p.stdout.readline())["ev"], "list")
        got = self.until(p, lambda e: e["ev"] == "sample")
        self.assertEqual(got["gpus"][1]["procs"], [[77, 1 << 30]])
        self.assertEqual(got["gpus"][0]["temperature"], 40)
        self.assertEqual(got["gpus"][0]["ecc"], 0)

    def test_a_sample_on_demand_and_what_changed(self):
        p = self.watch()
        self.host("gpu 3 used=9G ecc=4 lost=0")
        p.stdin.write("sample 17\n")
        p.stdin.flush()
        got = self.until(p, lambda e: e.get("seq") == 17)
        self.assertEqual(got["gpus"][3]["used"], 9 << 30)
        self.assertEqual(got["gpus"][3]["ecc"], 4)

    def test_a_lost_device_is_sick_and_well_again(self):
        p = self.watch()
        self.until(p, lambda e: e["ev"] == "sample")
        self.host("gpu 2 lost=1")
        self.until(p, lambda e: e["ev"] == "sample" and
                   "fell off the bus" in e["gpus"][2]["sick"])
        self.host("gpu 2 lost=0")
        self.until(p, lambda e: e["ev"] == "sample" and
                   e["gpus"][2]["sick"] == "")

    def test_xids(self):
        p = self.watch()
        self.until(p, lambda e: e["ev"] == "sample")
        self.host("xid 5 79\nxid 1 31")
        got = self.until(p, lambda e: e["ev"] == "xid")
        self.assertEqual((got["uuid"], got["xid"]), (gpu(5), 79))
        got = self.until(p, lambda e: e["ev"] == "xid")
        self.assertEqual((got["uuid"], got["xid"]), (gpu(1), 31))

    def log(self, text):
        path = os.path.join(os.path.dirname(self.script), "kmsg")
        self.env["GANGER_KMSG"] = path
        with open(path, "a") as f:
            f.write(text)

    def test_xids_that_the_kernels_log_has_from_before(self):
        self.log("6,10,1000,-;NVRM: Xid (PCI:0000:20:00): 79, lost\n"
                 " SUBSYSTEM=pci\n DEVICE=+pci:0000:20:00.0\n"
                 "4,11,2000,-;NVRM: Xid (PCI:0000:10:00): 48, pid=7, DBE\n"
                 "6,12,2100,-;NVRM: Xid (PCI:0000:ee:00): 48, not here\n"
                 "6,13,2200,-;NVRM: Xid (nonsense): 48\n"
                 "6,14,2300,c;NVRM: Xid (0000:30:00): 31, an old driver\n"
                 "6,15,2400,-;eth0: link up\n")
        p = self.watch("--after", "10")
        got = self.until(p, lambda e: e["ev"] in ("xid", "sample"))
        self.assertEqual((got["uuid"], got["xid"], got["late"]),
                         (gpu(0), 48, True))
        got = self.until(p, lambda e: e["ev"] in ("xid", "sample"))
        self.assertEqual((got["uuid"], got["xid"], got["late"]),
                         (gpu(2), 31, True))
        got = self.until(p, lambda e: e["ev"] in ("xid", "sample"))
        self.assertEqual((got["ev"], got["kmsg"]), ("sample", 15))
        # from then on NVML tells them, and only once
        self.log("4,16,3000,-;NVRM: Xid (PCI:0000:10:00): 48, again\n")
        got = self.until(p, lambda e: e["ev"] == "xid" or
                         e.get("kmsg") == 16)
        self.assertEqual(got["ev"], "sample")

    def test_nothing_from_before_the_first_start(self):
        self.log("6,10,1000,-;NVRM: Xid (PCI:0000:20:00): 79, lost\n")
        p = self.watch()
        got = self.until(p, lambda e: e["ev"] in ("xid", "sample"))
        self.assertEqual((got["ev"], got["kmsg"]), ("sample", 10))

    def test_the_kernels_log_for_a_device_without_events(self):
        self.host("gpus 3\ngpu 1 noevents=1")
        self.log("6,10,1000,-;usb 1-1: new device\n")
        p = self.watch()
        self.until(p, lambda e: e["ev"] == "sample")
        self.log("4,11,2000,-;NVRM: Xid (PCI:0000:10:00): 48, told by NVML\n"
                 "4,12,2000,-;NVRM: Xid (PCI:0000:20:00): 94, half a li")
        self.until(p, lambda e: e.get("kmsg") == 11)
        self.log("ne\n")
        got = self.until(p, lambda e: e["ev"] == "xid")
        self.assertEqual((got["uuid"], got["xid"]), (gpu(1), 94))
        self.assertNotIn("late", got)

    def test_an_xid_of_a_mig_device_in_the_kernels_log(self):
        self.host("gpus 2\ngpu 1 mig=2")
        self.log("4,11,2000,-;NVRM: Xid (PCI:0000:20:00 GPU-I:02): 94, a\n"
                 "4,12,2000,-;NVRM: Xid (PCI:0000:20:00): 95, b\n")
        p = self.watch("--after", "0")
        got = self.until(p, lambda e: e["ev"] == "xid")
        self.assertEqual((got["uuid"], got["xid"]), (mig(1, 2), 94))
        got = self.until(p, lambda e: e["ev"] == "xid")
        self.assertEqual((got["uuid"], got["xid"]), (gpu(1), 95))

    def test_a_kernels_log_that_can_not_be_read(self):
        self.env["GANGER_KMSG"] = "/nonexistent"
        p = self.watch("--after", "10")
        got = self.until(p, lambda e: e["ev"] in ("xid", "sample"))
        self.assertEqual((got["ev"], got["kmsg"]), ("sample", -1))

    def test_it_ends_with_its_stdin(self):
        p = self.watch()
        p.stdin.close()
        self.assertEqual(p.wait(LIMIT), 0)


class Test(Case):
    def outcome(self, code, *more):
        r = self.run_probe("--bytes", "64M", *more, "--test", gpu(0))
        self.assertEqual(r.returncode, code, r.stdout + r.stderr)
        return json.loads(r.stdout)

    def test_a_good_device(self):
        got = self.outcome(0)
        self.assertTrue(got["ok"])
        self.assertEqual(got["memory_bytes"], 64 << 20)
        self.assertEqual(got["memory_errors"], 0)
        self.assertGreater(got["copy_down"], 0)

    def test_bad_memory(self):
        self.host("gpu 0 badmem=1")
        got = self.outcome(1)
        self.assertIn("memory gives back other words", got["why"])
        self.assertGreater(got["memory_errors"], 0)

    def test_bad_arithmetic(self):
        version = self.run_probe("--version").stdout
        if "absent" in version:
            self.skipTest("built without nvcc")
        self.host("gpu 0 badmath=1")
        self.assertIn("wrong results", self.outcome(1)["why"])

    def test_one_that_hangs_is_given_up(self):
        self.host("gpu 0 hangtest=1")
        got = self.outcome(2, "--deadline", "1s")
        self.assertIn("hangs", got["why"])

    def test_no_device(self):
        self.host("gpus 0")
        got = self.outcome(69)
        self.assertIn("CUDA_ERROR_NO_DEVICE", got["why"])


class Job(Case):
    def job(self, **inp):
        self.env["CUDA_VISIBLE_DEVICES"] = gpu(0)
        return self.run_probe("--job", stdin=json.dumps({"input": inp}))

    def test_hold(self):
        r = self.job(op="hold", bytes=1 << 20, seconds=0.01)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(json.loads(r.stdout)["devices"], gpu(0))

    def test_fault(self):
        r = self.job(op="fault")
        self.assertEqual(r.returncode, 1)
        if "built without nvcc" not in r.stderr:
            self.assertIn("CUDA_ERROR_ILLEGAL_ADDRESS", r.stderr)

    def test_bad_orders(self):
        self.assertEqual(self.job(op="nonsense").returncode, 1)
        self.assertEqual(self.job().returncode, 1)
        self.assertEqual(self.run_probe("--job", stdin="{").returncode, 1)


if __name__ == "__main__":
    unittest.main()

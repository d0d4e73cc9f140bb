// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"math"
	"strings"
	"testing"
	"testing/fstest"
)

// layout is a machine of 64 cores, of which mask are in the affinity mask.
type layout struct {
	cgroup, mountinfo string
	files             map[string]string // beside those of /proc
	env               map[string]string
	mask              int // 0: all
}

func (l layout) system() system {
	files := fstest.MapFS{
		"sys/devices/system/cpu/online": {Data: []byte("0-63\n")},
		"proc/self/status":              {Data: []byte("Name:\tx\nCpus_allowed_list:\t4-5,9\nMems_allowed_list:\t0\n")},
	}
	if l.cgroup != "" {
		files["proc/self/cgroup"] = &fstest.MapFile{Data: []byte(l.cgroup)}
		files["proc/self/mountinfo"] = &fstest.MapFile{Data: []byte(l.mountinfo)}
	}
	for name, text := range l.files {
		files[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(text + "\n")}
	}
	if l.mask == 0 {
		l.mask = 64
	}
	return system{files, func(name string) string { return l.env[name] }, l.mask}
}

const (
	v2Mount = "24 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n" +
		"31 24 0:27 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	v1Mounts = "31 24 0:26 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n" +
		"34 31 0:29 / /sys/fs/cgroup/cpuset rw,relatime - cgroup cgroup rw,cpuset\n" +
		"35 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:15 - cgroup cgroup rw,cpu,cpuacct\n"
)

// v2 is a process of a group in cgroup v2. limits are pairs: a folder below the mount, and its cpu.max.
func v2(group string, limits ...string) layout {
	l := layout{cgroup: "0::" + group + "\n", mountinfo: v2Mount, files: map[string]string{}}
	for i := 0; i < len(limits); i += 2 {
		l.files["/sys/fs/cgroup"+limits[i]+"/cpu.max"] = limits[i+1]
	}
	return l
}

// v1 is a process of a group in cgroup v1 with a quota for each 100 ms in one folder below the mount.
func v1(group, folder, microseconds string) layout {
	at := "/sys/fs/cgroup/cpu,cpuacct" + folder
	return layout{
		cgroup:    "11:cpuset:/\n4:cpu,cpuacct:" + group + "\n1:name=systemd:" + group + "\n",
		mountinfo: v1Mounts, files: map[string]string{
			at + "/cpu.cfs_quota_us": microseconds, at + "/cpu.cfs_period_us": "100000",
		},
	}
}

// mounted replaces the mounts.
func (l layout) mounted(mountinfo string) layout { l.mountinfo = mountinfo; return l }

// masked is the layout with so many cores in the affinity mask.
func (l layout) masked(cpus int) layout { l.mask = cpus; return l }

// slurmed is a job of SLURM with pairs of a variable and its value.
func slurmed(variables ...string) layout {
	l := layout{env: map[string]string{"SLURM_JOB_ID": "7"}}
	for i := 0; i < len(variables); i += 2 {
		l.env["SLURM_"+variables[i]] = variables[i+1]
	}
	return l
}

func TestCores(t *testing.T) {
	const (
		pod    = "/kubepods.slice/kubepods-burstable.slice/pod1.slice"
		user   = "/user.slice/user-1000.slice"
		docker = "/system.slice/docker-0a.scope"
		inV1   = quota + ", /sys/fs/cgroup/cpu,cpuacct"
		inV2   = quota + ", /sys/fs/cgroup"
	)
	hybrid := v1("/job", "/job", "800000").mounted(v1Mounts + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 c rw\n")
	hybrid.cgroup += "0::/job\n"
	space := v2("/a b").mounted(`31 24 0:27 / /sys/fs/c\040g rw - cgroup2 cgroup2 rw` + "\n")
	space.files["/sys/fs/c g/a b/cpu.max"] = "100000 100000"
	cpuset := layout{cgroup: "2:cpuset:/a\n", mountinfo: v1Mounts, files: map[string]string{
		"/sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us": "100000", "/sys/fs/cgroup/cpuset/a/cpu.cfs_period_us": "100000",
	}}
	nonsense := v2("/", "", "0 0").mounted("- - -\n31 24\n" + v2Mount)
	nonsense.cgroup += "0::\nx\n:::\n0::rel\n"
	outside := slurmed("CPUS_PER_TASK", "6")
	delete(outside.env, "SLURM_JOB_ID")

	for name, c := range map[string]struct {
		layout
		cores float64
		from  string // by and from
	}{
		"no limit":             {layout{}, 64, ""},
		"v2, max":              {v2("/", "", "max 100000"), 64, ""},
		"docker, v2 namespace": {v2("/", "", "200000 100000"), 2, inV2 + "/cpu.max: 200000 100000"},
		"docker, v2, the mount begins at the container": {v2(docker, "", "150000 100000").
			mounted("31 24 0:27 " + docker + " /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
			1.5, inV2 + "/cpu.max: 150000 100000"},
		"kubernetes, the pod's is tighter": {v2(pod+"/c.scope", "/kubepods.slice", "max 100000",
			"/kubepods.slice/kubepods-burstable.slice", "6000000 100000", pod, "350000 100000",
			pod+"/c.scope", "max 100000"), 3.5, inV2 + pod + "/cpu.max: 350000 100000"},
		"systemd: CPUQuota=25% of a slice": {v2(user+"/session-2.scope", user, "12500 50000"), 0.25,
			inV2 + user + "/cpu.max: 12500 50000"},
		"no period": {v2("/", "", "300000"), 3, inV2 + "/cpu.max: 300000"},
		"docker, v1: the mount begins at the container": {v1("/docker/ab", "", "400000").
			mounted("35 31 0:30 /docker/ab /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"),
			4, inV1 + "/cpu.cfs_quota_us: 400000 of 100000"},
		"v1, the group is not where the file says": {v1("/docker/ab", "", "300000"), 3,
			inV1 + "/cpu.cfs_quota_us: 300000 of 100000"},
		"v1, nested": {v1("/a/b/c", "/a", "300000"), 3,
			inV1 + "/a/cpu.cfs_quota_us: 300000 of 100000"},
		"v1, -1":                         {v1("/a", "/a", "-1"), 64, ""},
		"hybrid: the controller is v1's": {hybrid, 8, inV1 + "/job/cpu.cfs_quota_us: 800000 of 100000"},
		"a path out of the namespace":    {v2("/../../x", "", "500000 100000"), 5, inV2 + "/cpu.max: 500000 100000"},
		"a mount point with a space":     {space, 1, quota + ", /sys/fs/c g/a b/cpu.max: 100000 100000"},
		"v1's cpuset is no quota":        {cpuset, 64, ""},
		"nonsense":                       {nonsense, 64, ""},
		"a quota above the machine":      {v2("/", "", "9900000 100000"), 64, ""},
		"taskset":                        {layout{}.masked(3), 3, affinity + ", sched_getaffinity: 4-5,9"},
		"a quota is tighter than the mask": {v2("/", "", "200000 100000").masked(3), 2,
			inV2 + "/cpu.max: 200000 100000"},
		"the mask is tighter than a quota": {v2("/", "", "400000 100000").masked(3), 3,
			affinity + ", sched_getaffinity: 4-5,9"},
		"SLURM, nodes": {slurmed("JOB_CPUS_PER_NODE", "40(x3),8"), 8,
			slurm + ", SLURM_JOB_CPUS_PER_NODE=40(x3),8"},
		"SLURM's variables without a job": {outside, 64, ""},
		"SLURM, nonsense":                 {slurmed("CPUS_PER_TASK", "many", "JOB_CPUS_PER_NODE", "40(x"), 64, ""},
		"SLURM, a task": {slurmed("CPUS_PER_TASK", "6", "CPUS_ON_NODE", "48", "JOB_CPUS_PER_NODE", "48(x2)"), 6,
			slurm + ", SLURM_CPUS_PER_TASK=6"},
		"SLURM, a node": {slurmed("CPUS_ON_NODE", "48", "JOB_CPUS_PER_NODE", "48(x2)"), 48,
			slurm + ", SLURM_CPUS_ON_NODE=48"},
		"a name that begins alike": {v2("/dockerish/x", "/ish/x", "100000 100000").
			mounted("31 24 0:27 /docker /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"), 64, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := c.system().cores()
			from := ""
			if got.By != "" {
				from = got.By + ", " + got.From
			}
			if got.Cores != c.cores || from != c.from {
				t.Errorf("%v cores (%s), want %v (%s)", got.Cores, from, c.cores, c.from)
			}
		})
	}
}

// A share of a core is not another thread of the engine, but it is one that loads.
func TestCoresInWords(t *testing.T) {
	for _, c := range []struct {
		limit  CoreLimit
		online int
		words  string
		whole  int
	}{
		{CoreLimit{Cores: 64}, 64, "64 cores", 64},
		{CoreLimit{Cores: 1}, 1, "1 core", 1},
		{CoreLimit{2, quota, "/sys/fs/cgroup/cpu.max: 200000 100000"}, 64,
			"2 of 64 cores: CPU quota of the container or job, /sys/fs/cgroup/cpu.max: 200000 100000", 2},
		{CoreLimit{1.5, quota, "x: 1"}, 64, "1.5 of 64 cores: CPU quota of the container or job, x: 1", 1},
		{CoreLimit{1.9999, quota, "x: 1"}, 2, "2 of 2 cores: CPU quota of the container or job, x: 1", 1},
		{CoreLimit{0.25, quota, "x: 1"}, 1, "0.25 of 1 core: CPU quota of the container or job, x: 1", 1},
	} {
		if got := c.limit.of(c.online); got != c.words || c.limit.Whole() != c.whole {
			t.Errorf("%v: %q, %d whole; want %q, %d", c.limit, got, c.limit.Whole(), c.words, c.whole)
		}
	}
}

func TestCrowded(t *testing.T) {
	l := CoreLimit{1.5, quota, "f: 3 2"}
	if got := crowded(l, 8, "--threads", 1); got != "" {
		t.Errorf("one thread: %q", got)
	}
	want := "warning: 4 threads (--threads), but this process may use 1.5 of 8 cores: CPU quota of the container or " +
		"job, f: 3 2: threads wait for one another then, and 1 would be faster"
	if got := crowded(l, 8, "--threads", 4); got != want {
		t.Errorf("four threads: %q, want %q", got, want)
	}
	if got := crowded(l, 8, "", 4); !strings.Contains(got, "4 threads (OMP_NUM_THREADS)") {
		t.Errorf("four threads of OpenMP: %q", got)
	}
	if got := crowded(CoreLimit{Cores: 0.5}, 1, "", 1); got != "" {
		t.Errorf("one thread is the least there is: %q", got)
	}
}

func TestBusy(t *testing.T) {
	for _, c := range []struct {
		online, threads int
		load            float64
		left            int
		busy            bool
	}{
		{2, 2, 0.4, 2, false}, {2, 2, 1.1, 1, true}, {2, 2, 15, 1, true}, {2, 1, 15, 1, false},
		{64, 2, 40, 2, false}, {64, 64, 10.2, 54, true},
	} {
		if left, busy := busyOf(c.online, c.threads, c.load); left != c.left || busy != c.busy {
			t.Errorf("%+v: %d, %v", c, left, busy)
		}
	}
}

func TestLoad(t *testing.T) {
	const none = -1
	for text, want := range map[string]float64{
		"4.39 3.21 2.91 8/129 3748": 4.39, "": none, "x": none, "-1 2": none, "NaN 1": none,
	} {
		got, ok := layout{files: map[string]string{"/proc/loadavg": text}}.system().load()
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

// Whatever stands in the files and variables, the bound is a number of cores of this machine.
func FuzzCores(f *testing.F) {
	f.Add("4:cpu,cpuacct:/a\n0::/a/b\n", v1Mounts+v2Mount, "150000 100000", "-1", "0-3,8", "72(x2),36")
	f.Add("0::/../x\n", `31 24 0:27 /a\040b /sys/fs/cgroup rw - cgroup2 c rw`, "max", "1", "", "1")
	f.Add("0::/\n", "1 1 1 / / - - cgroup2 x cpu", "9007199254740993 1", "100000", "5-2", "4(x2")
	f.Fuzz(func(t *testing.T, cgroup, mounts, v2, v1, online, nodes string) {
		s := layout{cgroup: cgroup, mountinfo: mounts, env: map[string]string{"SLURM_JOB_ID": "1",
			"SLURM_JOB_CPUS_PER_NODE": nodes}, mask: 2, files: map[string]string{
			"sys/fs/cgroup/cpu.max": v2, "sys/fs/cgroup/a/cpu.max": v2, "cpu.max": v2, "a/cpu.max": v2,
			"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": v1, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "100000", "proc/loadavg": v2,
			"sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": v1, "sys/devices/system/cpu/online": online,
		}}.system()
		got, all := s.cores(), s.online()
		if !(got.Cores > 0) || math.IsInf(got.Cores, 0) || got.Cores > float64(all) || all < 2 || all > mostCores+2 {
			t.Errorf("%+v of %d", got, all)
		}
		if n := got.Whole(); n < 1 || n > all {
			t.Errorf("%d whole cores of %d", n, all)
		}
		s.load()
	})
}

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// again starts this binary again and returns what it says of the cores: the bound's words, threads and workers.
func again(t *testing.T, name string, args ...string) string {
	t.Helper()
	c := exec.Command(name, args...)
	c.Env = append(os.Environ(), "MACHINE_CORES=1", "OMP_NUM_THREADS=", "SLURM_JOB_ID=")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestCoresUnderAnAffinityMask(t *testing.T) {
	if Online() < 2 || Cores().Cores < 1 {
		t.Skip("this takes a machine of two cores")
	}
	runtime.LockOSThread() // a child inherits the mask of the thread that starts it
	defer runtime.UnlockOSThread()
	var before, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		t.Fatal(err)
	}
	cpu := 0
	for !before.IsSet(cpu) {
		cpu++
	}
	one.Set(cpu)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	defer unix.SchedSetaffinity(0, &before)
	want := fmt.Sprintf("1 of %d cores: affinity mask, sched_getaffinity: %d; 1 1", Online(), cpu)
	if got := again(t, os.Args[0]); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A cgroup needs root and a writable hierarchy, which a build machine seldom has.
func TestCoresUnderAQuota(t *testing.T) {
	outer, err := os.MkdirTemp("/sys/fs/cgroup/cpu", "parallax-test-")
	if err != nil {
		t.Skip("no cgroup can be made: ", err)
	}
	defer os.Remove(outer)
	inner := filepath.Join(outer, "inner")
	file := filepath.Join(outer, "cpu.cfs_quota_us")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Skip(err)
	}
	defer os.Remove(inner)
	if err := os.WriteFile(file, []byte("50000"), 0); err != nil {
		t.Skip("the kernel has no quotas: ", err)
	}
	script := "echo $$ >" + inner + "/cgroup.procs && exec " + os.Args[0]
	want := CoreLimit{0.5, quota, file + ": 50000 of 100000"}.String() + "; 1 1"
	if got := again(t, "sh", "-c", script); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// CoreLimit is a bound on how many cores this process may use at a time.
type CoreLimit struct {
	Cores float64 // above 0; a quota need not be whole
	By    string  // what sets the bound; "" for the machine itself
	From  string  // where it was read, and what stood there; "" for the machine itself
}

// What sets a bound, as a message has it.
const (
	affinity = "affinity mask"
	quota    = "CPU quota of the container or job"
	slurm    = "SLURM"
)

// system is what the bounds are read from.
type system struct {
	files  fs.FS                    // the root of the file system
	getenv func(name string) string // the environment
	cpus   int                      // in the affinity mask
}

func here() system { return system{os.DirFS("/"), os.Getenv, runtime.NumCPU()} }

// Cores returns the least bound on the cores of this process: the affinity mask (taskset, cpusets), the CPU quotas of
// its cgroup and of those around it (v1 and v2), and what SLURM granted. It is read anew at each call, but for the
// mask, which is that of the program's start.
func Cores() CoreLimit { return here().cores() }

// Online returns the number of cores of the machine, whoever may use them.
func Online() int { return here().online() }

// String says how many of the machine's cores there are for this process, and why: "2 of 64 cores: CPU quota of the
// container or job, /sys/fs/cgroup/cpu.max: 200000 100000".
func (l CoreLimit) String() string { return l.of(Online()) }

func (l CoreLimit) of(online int) string {
	plural := "s"
	if online == 1 {
		plural = ""
	}
	if l.By == "" {
		return fmt.Sprintf("%d core%s", online, plural)
	}
	return fmt.Sprintf("%.4g of %d core%s: %s, %s", l.Cores, online, plural, l.By, l.From)
}

// Threads returns the number of threads for the engine: OMP_NUM_THREADS, as for any program with OpenMP, else one for
// each whole core that this process may use.
//
// A quota of 1.5 cores gives one. A second thread would use up the quota before its period ends, and then both would
// stand still; what one thread leaves is for the threads that load images.
func Threads() int {
	if n := asked(); n > 0 {
		return n
	}
	return Cores().Whole()
}

// Whole is the number of whole cores, at least 1.
func (l CoreLimit) Whole() int { return max(1, int(l.Cores)) }

// Asked reports whether OMP_NUM_THREADS asks for a number of threads.
func Asked() bool { return asked() > 0 }

// asked is the number of threads that OMP_NUM_THREADS asks for; 0 for none.
func asked() int {
	n, err := strconv.Atoi(os.Getenv("OMP_NUM_THREADS"))
	if err != nil {
		return 0
	}
	return max(0, n)
}

// Workers returns the number of threads that load images: one for each core, or part of one, that this process may use.
// They wait for files as well as for the cores, and yield to the engine's threads.
func Workers() int { return max(1, int(math.Ceil(Cores().Cores))) }

// Crowded returns a warning where a user asks for more of the engine's threads than there are cores for, else "". given
// names the setting, "" for OMP_NUM_THREADS.
func Crowded(given string, threads int) string { return crowded(Cores(), Online(), given, threads) }

func crowded(l CoreLimit, online int, given string, threads int) string {
	if threads <= l.Whole() || float64(threads) <= l.Cores {
		return ""
	}
	if given == "" {
		given = "OMP_NUM_THREADS"
	}
	return fmt.Sprintf("warning: %d threads (%s), but this process may use %s: threads wait for one another then, "+
		"and %d would be faster", threads, given, l.of(online), l.Whole())
}

func (s system) cores() CoreLimit {
	least := CoreLimit{Cores: float64(s.online())}
	all := s.quotas()
	if s.cpus < s.online() {
		from := "sched_getaffinity"
		if text, err := fs.ReadFile(s.files, "proc/self/status"); err == nil {
			for line := range strings.Lines(string(text)) {
				if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
					from += ": " + strings.TrimSpace(list)
				}
			}
		}
		all = append(all, CoreLimit{float64(s.cpus), affinity, from})
	}
	if l, ok := s.slurm(); ok {
		all = append(all, l)
	}
	for _, l := range all {
		if l.Cores < least.Cores {
			least = l
		}
	}
	return least
}

// online counts the cores that the kernel schedules on. Without /sys there are those of the mask.
func (s system) online() int {
	text, err := fs.ReadFile(s.files, "sys/devices/system/cpu/online")
	if err != nil {
		return max(1, s.cpus)
	}
	return max(1, s.cpus, countList(strings.TrimSpace(string(text))))
}

// mostCores bounds what a list of cores may claim: far above any machine.
const mostCores = 1 << 20

// countList counts the numbers in a list such as "0-3,8,10-11"; 0 if it is none.
func countList(list string) (n int) {
	for part := range strings.SplitSeq(list, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 32)
		b, err2 := strconv.ParseUint(last, 10, 32)
		if err != nil || err2 != nil || b < a || b >= mostCores {
			return 0
		}
		if n += int(b-a) + 1; n > mostCores {
			return 0
		}
	}
	return n
}

// slurm is what SLURM grants to this process: the cores of its task, else those of its job on this node. A job on
// several nodes has a list; which of them this node is, the variable does not say, so the least counts.
// https://slurm.schedmd.com/sbatch.html#SECTION_OUTPUT-ENVIRONMENT-VARIABLES
func (s system) slurm() (CoreLimit, bool) {
	if s.getenv("SLURM_JOB_ID") == "" {
		return CoreLimit{}, false
	}
	for _, name := range []string{"SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "SLURM_JOB_CPUS_PER_NODE"} {
		value := s.getenv(name)
		if n := leastOfNodes(value); n > 0 {
			return CoreLimit{float64(n), slurm, name + "=" + value}, true
		}
	}
	return CoreLimit{}, false
}

// leastOfNodes returns the least number in a list such as "72(x2),36"; 0 if it is none.
func leastOfNodes(list string) (least int) {
	for part := range strings.SplitSeq(list, ",") {
		number, times, repeated := strings.Cut(part, "(x")
		n, err := strconv.ParseUint(number, 10, 20)
		if err != nil || n == 0 || repeated && !strings.HasSuffix(times, ")") {
			return 0
		}
		if least == 0 || int(n) < least {
			least = int(n)
		}
	}
	return least
}

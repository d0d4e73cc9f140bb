// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/machine"
)

// limitProcs lets Go run on no more cores than this process may use. Go's runtime knows the affinity mask and the quota
// of the process's own cgroup, but neither those of the cgroups around it nor SLURM's variables. Like the runtime, it
// keeps two, so that the collector does not stop what runs. The variable GOMAXPROCS sets another number.
func limitProcs() {
	if n := max(2, machine.Workers()); os.Getenv("GOMAXPROCS") == "" && n < runtime.GOMAXPROCS(0) {
		runtime.GOMAXPROCS(n)
	}
}

// warnCrowded says on standard error that more threads were asked for than there are cores. Commands whose --threads is
// a setting of the configuration say it themselves, because a file can set it, too.
func warnCrowded(c *cobra.Command, _ []string) {
	f := c.Flags().Lookup("threads")
	if f == nil || c.Flags().Lookup("backbone") != nil {
		return
	}
	given, threads := "", machine.Threads()
	if n, err := strconv.Atoi(f.Value.String()); err == nil && n > 0 {
		given, threads = "--threads", n
	}
	if threads > config.MaxThreads { // which the command refuses
		return
	}
	if w := machine.Crowded(given, threads); w != "" {
		fmt.Fprintln(os.Stderr, "parallax: "+w)
	}
}

// coreFindings say how many cores there are for this process, and whether other programs hold them.
func coreFindings() []finding {
	cores := machine.Cores()
	is := cores.String()
	if float64(cores.Whole()) != cores.Cores {
		is += fmt.Sprintf("; threads: %d, workers: %d", machine.Threads(), machine.Workers())
	}
	all := []finding{{"cores", is}}
	if w := machine.Crowded("", machine.Threads()); w != "" {
		all = append(all, finding{"warning", strings.TrimPrefix(w, "warning: ")})
	}
	if average, ok := machine.Load(); ok {
		is := fmt.Sprintf("%.1f on %d cores in the last minute", average, machine.Online())
		if left, busy := machine.Busy(machine.Threads(), average); busy {
			is += fmt.Sprintf(": other programs hold cores; beside them --threads %d is often faster than %d", left,
				machine.Threads())
		}
		all = append(all, finding{"load", is})
	}
	return all
}

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

// TestMain prints what Memory or Cores say when a test has started this binary again, under a limit.
func TestMain(m *testing.M) {
	if os.Getenv("MACHINE_MEMORY") != "" {
		total, available := Memory()
		fmt.Println(total>>20, available < total, Limits()[len(Limits())-1].By)
		return
	}
	if os.Getenv("MACHINE_CORES") != "" {
		fmt.Printf("%v; %d %d\n", Cores(), Threads(), Workers())
		return
	}
	os.Exit(m.Run())
}

func TestMemory(t *testing.T) {
	total, available := Memory()
	if total < 16<<20 || available > total {
		t.Errorf("Memory() = %d, %d", total, available)
	}
}

// A limit of the shell counts, and what is used already counts against it.
func TestMemoryUnderALimit(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux counts addresses")
	}
	for option, by := range map[string]string{"-v": "ulimit -v", "-d": "ulimit -d"} {
		c := exec.Command("sh", "-c", "ulimit "+option+" 3145728 && exec \"$0\"", os.Args[0])
		c.Env = append(os.Environ(), "MACHINE_MEMORY=1")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("ulimit %s: %v\n%s", option, err, out)
		}
		if cgroup, _ := Memory(); cgroup < 3<<30 {
			t.Skip("this machine has less memory than the limit")
		}
		if got := strings.TrimSpace(string(out)); !strings.HasPrefix(got, "3072 true") ||
			!strings.HasSuffix(got, by) && !strings.HasSuffix(got, Cgroup) {
			t.Errorf("under ulimit %s: %s", option, got)
		}
	}
}

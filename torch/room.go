// SPDX-License-Identifier: Apache-2.0

package torch

import (
	"fmt"
	"strings"

	"github.com/parallax-ssl/parallax/internal/machine"
)

// needs is what the engine alone takes of each kind of memory, in MiB: measured with libtorch 2.11.0 for CPUs, in
// training of a tiny network, by lowering the limit until it failed. A little less is not always fatal, and is then
// fatal later.
var needs = map[string]uint64{
	machine.Addresses: 2500, // failed, not always, with 2344 MiB
	machine.Data:      288,  // failed with 244 MiB
	machine.Cgroup:    96,   // failed with 80 MiB
}

// Enough returns an error that wraps [ErrMemory] if a limit of this process is below what the engine alone takes. Load
// calls it. A command calls it first, so that nothing is made before.
func Enough() error {
	for _, l := range machine.Limits() {
		if need := needs[l.By]; l.Bytes < need<<20 {
			return &Error{Op: "Load", Cause: ErrMemory, Text: fmt.Sprintf("%s is %d MiB, and the engine alone needs "+
				"%d MiB: raise it", l.By, l.Bytes>>20, need)}
		}
	}
	return nil
}

// roomy is the size from which Room looks: it reads files of the system.
const roomy = 64 << 20

// Room ends the running Scope with an error that wraps [ErrMemory], unless bytes of memory are left for what is about
// to be made. The system often promises memory that it does not have, and then kills the process that uses it. On a GPU
// the allocator knows.
func Room(what string, bytes float64) {
	if bytes < roomy || strings.HasPrefix(loaded.device, "cuda") {
		return
	}
	if left := tightest(); float64(left.Free()) < bytes {
		panic(&Error{Op: "Room", Cause: ErrMemory, Text: fmt.Sprintf("%s needs %s, and %s leaves %s: use smaller "+
			"networks or a smaller batch", what, gibibytes(bytes), left.By, gibibytes(float64(left.Free())))})
	}
}

// tightest is the limit that leaves the least memory.
func tightest() (least machine.Limit) {
	for i, l := range machine.Limits() {
		if i == 0 || l.Free() < least.Free() {
			least = l
		}
	}
	if least.By == "" {
		least.Bytes = 1 << 63 // the system does not say
	}
	return least
}

func gibibytes(bytes float64) string { return fmt.Sprintf("%.1f GiB", bytes/(1<<30)) }

// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"math"

	"github.com/KimMachineGun/automemlimit/memlimit"
)

// The names of bounds, as a message has them.
const (
	Physical  = "the machine's memory"
	Cgroup    = "the container's or job's memory limit (cgroup)"
	Addresses = "ulimit -v" // counts addresses, used or not: a program that maps large libraries meets it early
	Data      = "ulimit -d" // counts private memory, used or not
)

// Limit is a bound on the memory of this process.
type Limit struct {
	Bytes uint64
	Used  uint64 // what counts against the bound already
	By    string // what sets the bound: one of the names above
}

// Free returns the bytes that the bound leaves.
func (l Limit) Free() uint64 { return l.Bytes - min(l.Bytes, l.Used) }

// Limits returns the bounds on the memory of this process, the machine's first. They are read anew at each call. A
// bound that cannot be read is left out, so there may be none.
func Limits() []Limit {
	all := systemLimits()
	if bytes, err := memlimit.FromCgroup(); err == nil {
		all = append(all, Limit{Bytes: bytes, Used: resident(), By: Cgroup})
	}
	return all
}

// Memory returns the most memory that this process may use, and how much of it is left now, both in bytes: the least
// that any of the Limits allows. Without any bound both are the largest number.
func Memory() (total, available uint64) {
	total, available = math.MaxUint64, math.MaxUint64
	for _, l := range Limits() {
		total, available = min(total, l.Bytes), min(available, l.Free())
	}
	return total, available
}

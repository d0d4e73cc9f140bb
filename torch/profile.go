// SPDX-License-Identifier: Apache-2.0

package torch

// #include "trampoline.h"
import "C"

import (
	"strings"
	"time"
	"unsafe"
)

// Call is one run of an operator, such as "aten::convolution". The operators that it runs lie within it.
type Call struct {
	Name       string
	Thread     int           // the operating system's number of the thread; 0 outside of Linux
	Start, End time.Duration // since StartProfile
}

// StartProfile begins to record the operators that libtorch runs, on all threads, until StopProfile: at most most of
// them. It returns the time from which a Call is counted. Recording slows each operator by about a microsecond and
// changes no value. Call it inside a Scope.
func StartProfile(most int) time.Time {
	done("StartProfile", C.plx_profile_start(C.int64_t(most)))
	return time.Now() // the library read its clock last
}

// StopProfile ends the recording and returns the calls, in the order of their ends, and how many found no room. Call it
// inside a Scope.
func StopProfile() (calls []Call, dropped int) {
	var sizes [2]C.int64_t
	n := integer("StopProfile", C.plx_profile_stop(&sizes[0]))
	raw, text := make([]int64, 4*n+1), make([]byte, sizes[0]+1)
	done("StopProfile", C.plx_profile_read((*C.int64_t)(unsafe.Pointer(&raw[0])), (*C.char)(unsafe.Pointer(&text[0]))))
	names := strings.Split(string(text), "\n")
	calls = make([]Call, n)
	for i := range calls {
		r := raw[4*i : 4*i+4]
		calls[i] = Call{names[r[0]], int(r[1]), time.Duration(r[2]), time.Duration(r[3])}
	}
	return calls, int(sizes[1])
}

// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestBeNice: only the thread becomes nicer, and by the right amount.
func TestBeNice(t *testing.T) {
	nice := func(id int) int {
		p, err := unix.Getpriority(unix.PRIO_PROCESS, id)
		if err != nil {
			t.Fatal(err)
		}
		return 20 - p
	}
	runtime.LockOSThread() // so that the other goroutine gets a thread of its own
	defer runtime.UnlockOSThread()
	before := nice(unix.Gettid())
	done := make(chan int)
	go func() {
		runtime.LockOSThread() // and not given back: the thread ends with the goroutine
		beNice()
		done <- nice(unix.Gettid())
	}()
	if got, want := <-done, min(19, before+loaderNice); got != want {
		t.Errorf("a loader's thread has the nice value %d, want %d", got, want)
	}
	if got := nice(unix.Gettid()); got != before {
		t.Errorf("the other thread's nice value went from %d to %d", before, got)
	}
}

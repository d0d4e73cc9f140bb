// SPDX-License-Identifier: Apache-2.0

package batch

import (
	"context"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Every job is done once, in order for one worker, and never more than parallel at a time.
func TestEach(t *testing.T) {
	for parallel := range 5 {
		var mu sync.Mutex
		var begun []int
		at, most := 0, 0
		jobs := []int{3, 1, 4, 1, 5, 9, 2, 6}
		Each(context.Background(), parallel, jobs, func(j int) {
			mu.Lock()
			begun = append(begun, j)
			at++
			most = max(most, at)
			mu.Unlock()
			mu.Lock()
			at--
			mu.Unlock()
		})
		if most > max(1, parallel) {
			t.Errorf("%d at a time, want at most %d", most, parallel)
		}
		if parallel <= 1 && !slices.Equal(begun, jobs) {
			t.Errorf("one worker did %v", begun)
		}
		slices.Sort(begun)
		if !slices.Equal(begun, slices.Sorted(slices.Values(jobs))) {
			t.Errorf("%d workers did %v", parallel, begun)
		}
	}
}

// A job that ends the context is the last one of one worker.
func TestEachStops(t *testing.T) {
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		begun := 0
		Each(ctx, 1, make([]int, 20), func(int) {
			if begun++; begun == 3 {
				cancel()
			}
		})
		if begun > 4 { // one more may have been handed over
			t.Fatalf("%d jobs were begun", begun)
		}
		cancel()
	}
}

func TestRun(t *testing.T) {
	if err := Run(exec.Command("sh", "-c", "echo no failure >&2")); err != nil {
		t.Error(err)
	}
	err := Run(exec.Command("sh", "-c", "echo first >&2; echo last >&2; exit 3"))
	if err == nil || err.Error() != "last" {
		t.Errorf("error %v", err)
	}
	if status, ok := ExitStatus(err); !ok || status != 3 {
		t.Errorf("status %d, %v", status, ok)
	}
	err = Run(exec.Command("sh", "-c", "yes | head -c 200000 >&2; echo >&2; echo at last >&2; exit 1"))
	if err == nil || err.Error() != "at last" {
		t.Errorf("error %.100v", err)
	}
	if err := Run(exec.Command("sh", "-c", "exit 4")); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Errorf("error %v", err)
	}
	if _, ok := ExitStatus(Run(exec.Command("sh", "-c", "kill -9 $$"))); ok {
		t.Error("a killed command has an exit status")
	}
}

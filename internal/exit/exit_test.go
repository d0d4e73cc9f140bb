// SPDX-License-Identifier: Apache-2.0

package exit

import (
	"strings"
	"syscall"
	"testing"
)

func TestAll(t *testing.T) {
	before := -1
	for _, s := range All {
		if s.Number <= before {
			t.Errorf("%d is not above %d", s.Number, before)
		}
		before = s.Number
		if s.When == "" || s.More == "" && s.Number > 0 {
			t.Errorf("%d says too little", s.Number)
		}
	}
}

func TestHelp(t *testing.T) {
	got := Help(Of(Output, OfSignal(syscall.SIGINT), OfSignal(syscall.SIGTERM)), 60)
	for line := range strings.Lines(got) {
		if len(strings.TrimSpace(line)) > 60 {
			t.Errorf("a long line: %q", line)
		}
	}
	flat := strings.ReplaceAll(got, "\n", " ")
	want := "74 a file or folder could not be written, 134 an internal error that could not be caught, " +
		"130 and 143 stopped by SIGINT and SIGTERM."
	if !strings.HasPrefix(flat, "Exit statuses: 0 done, 1 ") || !strings.HasSuffix(flat, want) {
		t.Errorf("%q", flat)
	}
}

// SPDX-License-Identifier: Apache-2.0

package run

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a resumed run keeps of its log: damaged lines with what is before and after them, nothing of later steps, and no
// evaluation that it will make again.
func TestResumeLog(t *testing.T) {
	line := func(event string, step int) string {
		return fmt.Sprintf(`{"event":%q,"step":%d,"epoch":0}`, event, step)
	}
	for _, c := range []struct {
		name    string
		lines   []string
		again   bool
		kept    int
		damaged string
	}{
		{"nothing to cut", []string{line(Start, 0), line(StepEnd, 2), line(Saved, 2)}, false, 3, ""},
		{"later steps", []string{line(StepEnd, 2), line(StepEnd, 3), line(StepEnd, 4)}, false, 1, ""},
		{"a damaged line", []string{line(Start, 0), "\x00", line(StepEnd, 2), line(StepEnd, 3)}, false, 3, "line 2"},
		{"a long line", []string{strings.Repeat("x", 2*maxLine), line(StepEnd, 2)}, false, 2, "line 1"},
		{"a damaged last line", []string{line(StepEnd, 2), `{"event":`}, false, 2, "line 2"},
		{"zeros at the end", []string{line(StepEnd, 2), "\x00\x00}"}, false, 1, ""},
		{"a damaged step", []string{line(StepEnd, 1), line(StepEnd, 9000), line(StepEnd, 2)}, false, 3, "line 2"},
		{"damage among later steps", []string{line(StepEnd, 2), line(StepEnd, 3), "?", line(StepEnd, 4)}, false, 1, ""},
		{"evaluations to make again", []string{
			line(Eval, 2), line(Saved, 2), line(End, 2), line(Resumed, 2), line(Eval, 2), line(Eval, 2),
		}, true, 4, ""},
		{"nothing made again yet", []string{line(Eval, 2), line(Saved, 2), line(End, 2)}, true, 3, ""},
		{"evaluations before the checkpoint", []string{line(StepEnd, 2), line(Eval, 2)}, true, 2, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, path := create(t)
			text := strings.Join(c.lines, "\n") + "\n"
			must(t, os.WriteFile(d.Path(MetricsFile), []byte(text+`{"torn`), 0o666))
			h, err := d.ResumeLog(2, c.again)
			must(t, err)
			must(t, d.Close())
			if diff := cmp.Diff(strings.Join(c.lines[:c.kept], "\n")+"\n", readFile(t, path, MetricsFile)); diff != "" {
				t.Error(diff)
			}
			told := ""
			for _, err := range h.Damaged {
				told += err.Error()
			}
			if !strings.HasPrefix(told, c.damaged) || (told == "") != (c.damaged == "") {
				t.Errorf("it tells %q, want %q", told, c.damaged)
			}
		})
	}
}

// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parallax-ssl/parallax/run"
)

// A run writes its report when it is asked to, and nothing else depends on that. The config that the report names for
// repeating the run gives the same weights.
func TestReport(t *testing.T) {
	dir := t.TempDir()
	encoder := func(name string, r *Request, o Options) []byte {
		t.Helper()
		o.Out = filepath.Join(dir, name)
		result, err := Run(context.Background(), r, o)
		if err != nil {
			t.Fatal(err)
		}
		want := ""
		if o.Report {
			want = filepath.Join(o.Out, run.ReportFile)
		}
		if result.Report != want {
			t.Errorf("%s: the report is at %q, want %q", name, result.Report, want)
		}
		text, err := os.ReadFile(filepath.Join(o.Out, run.EncoderFile))
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	with := encoder("with", tiny(), Options{Report: true, Version: "1.2.3"})
	page, err := os.ReadFile(filepath.Join(dir, "with", run.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "with", run.ConfigFile)
	for _, want := range []string{">finished</span>", "1.2.3", "arXiv:", "<img ", `class="chart"`, `class="scatter"`,
		"parallax pretrain --config " + config} {
		if !bytes.Contains(page, []byte(want)) {
			t.Errorf("the report lacks %s", want)
		}
	}
	if !bytes.Equal(with, encoder("without", tiny(), Options{})) {
		t.Error("the weights depend on whether a report is written")
	}
	if _, err := os.Stat(filepath.Join(dir, "without", run.ReportFile)); err == nil {
		t.Error("a report is written that nobody asked for")
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(with, encoder("again", &Request{File: config, Text: text}, Options{})) {
		t.Error("the run that the report says repeats it has other weights")
	}
}

// A run that a signal stops has a report. One that cannot be written, or for which a deadline leaves no time, is a
// note.
func TestReportOfAnEnd(t *testing.T) {
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(context.Background())
	out := filepath.Join(t.TempDir(), "stopped")
	result, err := Run(ctx, tiny(Set("train.save_every", 2)), Options{Out: out, Report: true,
		Watch: []func(run.Event){func(e run.Event) {
			if e.Event == run.Saved {
				stop(stopped)
			}
		}}})
	if !errors.Is(err, stopped) || result.Report == "" {
		t.Fatalf("the report is at %q: %v", result.Report, err)
	}
	page, err := os.ReadFile(result.Report)
	if err != nil || !bytes.Contains(page, []byte(">stopped</span>")) {
		t.Errorf("the report does not say that the run was stopped (%v)", err)
	}
	for want, harm := range map[string]func(s *Session){
		"the report was not written": func(s *Session) {
			if err := os.MkdirAll(s.Dir.Path(run.ReportFile, "full"), 0o777); err != nil {
				t.Error(err)
			}
		},
		"no time is left for the report": func(s *Session) {
			s.Job.deadline = &deadline{limit: time.Now(),
				now: time.Now}
		},
	} {
		var notes []string
		result, err := Run(context.Background(), tiny(), Options{Out: filepath.Join(t.TempDir(), "run"), Report: true,
			Begin: harm,
			Note:  func(text string) { notes = append(notes, text) }})
		if err != nil || result.Report != "" {
			t.Errorf("%s: the report is at %q: %v", want, result.Report, err)
		}
		if n := len(slices.DeleteFunc(notes, func(n string) bool { return !strings.HasPrefix(n, want) })); n != 1 {
			t.Errorf("there are %d notes that say %s", n, want)
		}
	}
}

// A plan keeps time for the report.
func TestDeadlineKeepsTimeForTheReport(t *testing.T) {
	at := time.Now()
	d := &deadline{limit: at.Add(100 * time.Second), whole: 100, now: func() time.Time { return at }}
	without := d.left()
	if d.after = 1; without-d.left() != 1 {
		t.Errorf("%g s are left with a report, %g s without one", d.left(), without)
	}
}

// SPDX-License-Identifier: Apache-2.0

package summary

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/run"
)

const settings = "format: 7\nseed: 3\nmethod: {name: simclr}\nbackbone: {name: resnet18, width: 8}\ndata: {path: " +
	"photos}\n" +
	"train: {batch: 32, accumulate: 2, max_steps: 20000}\n"

// read writes a run and reads it.
func read(t *testing.T, config, metrics string) (Run, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{run.ConfigFile: config, run.MetricsFile: metrics} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return Read(dir)
}

func lines(t *testing.T, all ...run.Event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range all {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	return b.String()
}

// The last end counts, unless the run went on after it.
func TestState(t *testing.T) {
	start, step := run.Event{Event: run.Start, Steps: 9}, run.Event{Event: run.StepEnd, Step: 1}
	end := func(reason string) run.Event { return run.Event{Event: run.End, Step: 2, Reason: reason} }
	resumed := run.Event{Event: run.Resumed, Step: 2}
	for _, c := range []struct {
		want   string
		events []run.Event
	}{
		{Stale, []run.Event{start, step}},
		{Finished, []run.Event{start, step, end(run.Finished)}},
		{Collapsed, []run.Event{start, step, end(run.Interrupted), resumed, end(run.Collapsed)}},
		{Stopped, []run.Event{start, step, end(run.Failed)}},
		{Stale, []run.Event{start, step, end(run.Finished), resumed}},
		{New, nil},
	} {
		got, err := read(t, settings, lines(t, c.events...))
		if err != nil || got.State != c.want || got.Method != "simclr" || got.Network != "resnet18, width 8" ||
			got.Seed != "3" {
			t.Errorf("%+v, %v, want %s", got, err, c.want)
		}
	}
	if got, err := read(t, settings, lines(t, start, step)+`{"event":"end","reas`); err != nil || got.State != Stale ||
		got.Step != 1 {
		t.Errorf("with half a line: %+v, %v", got, err)
	}
	if got, err := read(t, "", lines(t, start, step, end(run.Finished))); err == nil || got.State != Finished ||
		got.Steps != 9 {
		t.Errorf("without a config: %+v, %v", got, err)
	}
	if got, err := read(t, "{", ""); err == nil || got.State != New {
		t.Errorf("with a damaged config: %+v, %v", got, err)
	}
}

// Of a long file the two ends are enough for the plan, the pace and the newest numbers.
func TestLong(t *testing.T) {
	var b strings.Builder
	b.WriteString(lines(t, run.Event{Event: run.Start, Steps: 20_000}))
	b.WriteString(`{"event":"eval","step":0,"epoch":0,"probe":"photos","of":"backbone","knn":0.25}` + "\n")
	for i := 1; i <= 10_000; i++ {
		fmt.Fprintf(&b, `{"event":"step","step":%d,"epoch":%d,"loss":0.5,"images_per_second":64}`+"\n", i, i/100)
		if i == 9000 {
			b.WriteString(`{"event":"eval","step":9000,"epoch":90,"probe":"photos","of":"backbone","knn":0.75}` + "\n")
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, run.ConfigFile), []byte(settings), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, run.MetricsFile), []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	held, err := run.Lock("run", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held()
	s, err := Read(dir)
	if err != nil || b.Len() < headLength+tailLength || s.State != Running || s.Step != 10_000 || s.Epoch != 100 ||
		s.Speed != 64 || s.Steps != 20_000 || s.Loss.Value != 0.5 || s.KNN.Value != 0.75 {
		t.Errorf("%d bytes: %+v, %v", b.Len(), s, err)
	}
	if s.Left != 10_000 { // 10,000 steps of 64 images at 64 images a second
		t.Errorf("%v seconds left", s.Left)
	}
}

// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/series"
)

const config = "format: 7\nseed: 1\nmethod: {name: simsiam}\nbackbone: {name: resnet18, width: 8}\ndata: {path: " +
	"photos}\n" +
	"train: {batch: 100, max_steps: 400}\n"

const start = `{"event":"start","step":0,"epoch":0,"method":"simsiam","steps":400,"constant_loss":{"value":-1,` +
	`"minimum":true}}`

func step(n int) string {
	return fmt.Sprintf(`{"event":"step","step":%d,"epoch":1,"loss":%g,"rate":0.1,"images_per_second":50}`, n,
		-float64(n)/400)
}

func evaluation(n int) string {
	return fmt.Sprintf(`{"event":"eval","step":%d,"epoch":1,"probe":"photos","of":"backbone","knn":%g}`, n,
		float64(n)/400) + "\n" +
		fmt.Sprintf(`{"event":"eval","step":%d,"epoch":1,"probe":"photos","of":"embedding","std":0.5,`+
			`"effective_rank":9,`+
			`"mean_cosine":0.25}`, n)
}

func end(n int, reason string) string {
	return fmt.Sprintf(`{"event":"end","step":%d,"epoch":1,"reason":%q}`, n, reason)
}

// written makes a run with the lines.
func written(t testing.TB, dir string, lines ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, run.ConfigFile), []byte(config), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, run.MetricsFile), []byte(strings.Join(lines, "\n")+"\n"),
		0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func some(n int) (lines []string) {
	lines = []string{start, step(1), evaluation(0)}
	for i := 2; i <= n; i++ {
		lines = append(lines, step(i))
		if i%100 == 0 {
			lines = append(lines, evaluation(i))
		}
	}
	return lines
}

// What is printed once has the numbers of the last events, and the curves between the right ends.
func TestOnce(t *testing.T) {
	dir := written(t, filepath.Join(t.TempDir(), "byol"), append(some(400),
		`{"event":"alarm","step":30,"epoch":0,"name":"collapse","class":"COLLAPSED","message":"one point"}`,
		end(400, run.Finished), `{"event":"step","step":40`)...)
	var b bytes.Buffer
	if err := Once(&b, dir, 100); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"finished", "simsiam  resnet18, width 8  photos",
		"step 400 of 400  epoch 2  50 images/s",
		"loss -1.000", "kNN 1.000", "std 0.500", "rank 9.000", "(constant embedding: -1.000)", "COLLAPSED  one point",
		"step 400  end  finished"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("there is no %q in\n%s", want, b.String())
		}
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Error("there are escape codes in it")
	}
	for line := range strings.Lines(b.String()) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > 100 {
			t.Errorf("a line is %d wide: %q", w, line)
		}
	}
	if err := Once(&b, filepath.Join(dir, "none"), 100); err == nil {
		t.Error("a folder that does not exist is shown")
	}
}

// A curve is drawn through its points: at each column the value between the two points around it.
func TestColumns(t *testing.T) {
	points := []series.Point{{Step: 0, Time: 0, Value: 1}, {Step: 1, Time: 1, Value: math.NaN()},
		{Step: 10, Time: 5, Value: 11},
		{Step: 20, Time: 15, Value: 11}}
	values, last, from, to := columnsOf(points, look{}, 21)
	if last != 11 || from != 0 || to != 20 || len(values) != 21 {
		t.Fatalf("last %v, from %v to %v, %d columns", last, from, to, len(values))
	}
	for i, v := range values {
		if want := min(11, 1+float64(i)); math.Abs(v-want) > 1e-12 {
			t.Errorf("column %d is %v, want %v", i, v, want)
		}
	}
	if _, _, _, to := columnsOf(points, look{time: true}, 21); to != 15 {
		t.Errorf("over time it ends at %v", to)
	}
	if values, _, _, _ := columnsOf(points, look{log: true}, 3); math.Abs(values[2]-math.Log10(11)) > 1e-12 {
		t.Errorf("logarithms %v", values)
	}
	if values, last, _, _ := columnsOf(points, look{smooth: true}, 3); last != 11 || values[2] <= 1 || values[2] > 11 {
		t.Errorf("smooth %v, last %v", values, last)
	}
	for _, few := range [][]series.Point{nil, points[:2], {{Step: 3, Value: math.Inf(1)}}} {
		if values, _, _, _ := columnsOf(few, look{}, 9); values != nil {
			t.Errorf("%v is drawn as %v", few, values)
		}
	}
}

// The lines say each event once, in order, and how the run ended.
func TestLines(t *testing.T) {
	for reason, want := range map[string]error{run.Finished: nil, run.Collapsed: ErrCollapsed,
		"interrupt": ErrStopped} {
		dir := written(t, filepath.Join(t.TempDir(), "r"), append(some(200), `{"event":"saved","step":200,"epoch":1,`+
			`"file":"checkpoints/step-200","best":true}`, end(200, reason))...)
		var b bytes.Buffer
		if err := Lines(t.Context(), &b, dir, time.Hour); !errors.Is(err, want) {
			t.Errorf("%s: %v", reason, err)
		}
		text := b.String()
		if strings.Count(text, "saved") != 1 || strings.Count(text, "step 200  end  "+reason) != 1 ||
			!strings.Contains(text, "kNN 0.500") {
			t.Errorf("%s:\n%s", reason, text)
		}
	}
	// A run that goes on is followed.
	dir := filepath.Join(t.TempDir(), "r")
	lines := some(150)
	written(t, dir, lines...)
	held, err := run.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	done := make(chan error)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() { done <- Lines(ctx, &b, dir, time.Hour) }()
	time.Sleep(50 * time.Millisecond)
	written(t, dir, append(lines, end(150, run.Finished))...)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || strings.Count(b.String(), "end  finished") != 1 {
		t.Errorf("%v:\n%s", err, b.String())
	}
	// One whose process is gone, and one that vanishes.
	if err := Lines(ctx, &b, written(t, filepath.Join(t.TempDir(), "r"), lines...), time.Hour); !errors.Is(err,
		ErrStale) {
		t.Errorf("without an end: %v", err)
	}
	if err := Lines(ctx, &b, filepath.Join(dir, "none"), time.Hour); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a folder: %v", err)
	}
}

func shown(t *testing.T, dir string, width, height int) *screen {
	t.Helper()
	s := &screen{top: dir}
	if isRun(dir) {
		s.run = follow(dir)
	} else {
		s.find()
	}
	s.Update(tea.WindowSizeMsg{Width: width, Height: height})
	if s.run != nil {
		for s.run.look() {
		}
	}
	return s
}

func fits(t *testing.T, s *screen) string {
	t.Helper()
	text := s.View().Content
	if n := strings.Count(text, "\n") + 1; n > s.height {
		t.Errorf("%d lines in %d:\n%s", n, s.height, text)
	}
	for line := range strings.Lines(text) {
		if w := ansi.StringWidth(strings.TrimRight(line, "\n")); w > s.width {
			t.Errorf("a line is %d wide of %d: %q", w, s.width, line)
		}
	}
	return ansi.Strip(text)
}

// Every size has room for what it shows, and keys change it.
func TestScreen(t *testing.T) {
	dir := written(t, filepath.Join(t.TempDir(), "r"), some(400)...)
	for _, size := range [][2]int{{80, 24}, {40, 12}, {200, 60}, {20, 5}, {1, 1}, {300, 8}} {
		s := shown(t, dir, size[0], size[1])
		for _, key := range []string{"", "l", "s", "t", "tab", "shift+tab", "3", "9", "x", "esc"} {
			s.press(key)
			text := fits(t, s)
			if size[0] >= 40 && !strings.Contains(text, "stale") {
				t.Errorf("%v after %q:\n%s", size, key, text)
			}
		}
	}
	s := shown(t, dir, 80, 24)
	if text := fits(t, s); !strings.Contains(text, "loss") || !strings.Contains(text, "kNN accuracy") {
		t.Errorf("the first page is\n%s", text)
	}
	s.press("7")
	if text := fits(t, s); !strings.Contains(text, "learning rate") {
		t.Errorf("after 7:\n%s", text)
	}
	if cmd := s.press("q"); cmd == nil {
		t.Error("q does not quit")
	}
}

// A folder of runs is a table, with the newest running one chosen. Names cannot steer the terminal.
func TestTable(t *testing.T) {
	top := t.TempDir()
	names := []string{"a", "b/deep", "\x1b[31mred\x1b]0;title\x07", "\u202eright to left", "<script>", "日本",
		strings.Repeat("long", 50),
		"line\nfeed", "\xff\xfe"}
	for _, name := range names {
		written(t, filepath.Join(top, name), append(some(10), `{"event":"alarm","step":3,"epoch":0,"name":"collapse",`+
			`"class":"`+
			`\u001b[2J","message":"\u001b[2J\u202e"}`)...)
	}
	held, err := run.Open(filepath.Join(top, "b/deep"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	s := shown(t, top, 90, 24)
	if len(s.rows) != len(names) || s.rows[s.at].name != filepath.Join("b", "deep") {
		t.Fatalf("%d runs, at %q", len(s.rows), s.rows[s.at].name)
	}
	for range names {
		raw := s.View().Content
		if strings.Contains(raw, "\x1b[2J") || strings.Contains(raw, "\x1b]0") || strings.Contains(raw, "\u202e") {
			t.Errorf("a name steers the terminal: %q", raw)
		}
		fits(t, s)
		s.press("enter")
		if s.run == nil {
			t.Fatal("enter opens no run")
		}
		if raw := s.View().Content; strings.Contains(raw, "\x1b[2J") || strings.Contains(raw, "\x1b]0") {
			t.Errorf("a run steers the terminal: %q", raw)
		}
		fits(t, s)
		s.press("esc")
		s.press("j")
	}
	// Runs that vanish or are damaged are no error.
	if err := os.RemoveAll(filepath.Join(top, "a")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(top, "b/deep", run.ConfigFile), []byte("{"), 0o666); err != nil {
		t.Fatal(err)
	}
	s.Update(ticked{})
	if fits(t, s); len(s.rows) != len(names)-1 || s.err != nil {
		t.Errorf("%d runs, %v", len(s.rows), s.err)
	}
}

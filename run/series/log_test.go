// SPDX-License-Identifier: Apache-2.0

package series

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/run"
)

// file returns a file with the text, and its log.
func file(t testing.TB, text string) (path string, l *Log) {
	t.Helper()
	path = filepath.Join(t.TempDir(), run.MetricsFile)
	write(t, path, text)
	return path, New(func() (*os.File, error) { return os.Open(path) }, hundred, nil)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// update reads everything.
func update(t testing.TB, l *Log) State {
	t.Helper()
	for {
		s, err := l.Update(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if s.Complete() {
			return s
		}
	}
}

func hundred() int { return 100 }

// step is the line of a step with 100 images, of which so many are trained on in a second.
func step(n int, loss string, speed float64) string {
	return fmt.Sprintf(`{"event":"step","step":%d,"epoch":0,"loss":%s,"terms":{"a":%d},"rate":0.1,`+
		`"images_per_second":%g}`+
		"\n", n, loss, 2*n, speed)
}

func values(t testing.TB, l *Log, tag string, from, to, n int) (steps []int, all []float64) {
	t.Helper()
	points, err := l.Curve(tag, from, to, n)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range points {
		steps, all = append(steps, p.Step), append(all, p.Value)
	}
	return steps, all
}

// The curves have the tags that TensorBoard has for the same events.
func TestTags(t *testing.T) {
	events := []run.Event{
		{Event: run.Start, Steps: 9, Method: "simclr"},
		{Event: run.StepEnd, Step: 1, Metrics: map[string]run.Number{run.Loss: run.Num(2), run.Rate: run.Num(0.1)},
			Terms: map[string]run.Number{"a": run.Num(1)}, Gradients: map[string]run.Number{"backbone": run.Num(3)}},
		{Event: run.Eval, Step: 1, Probe: "/data/test", Of: run.OfBackbone, Dims: 8, Rows: 9,
			Metrics: map[string]run.Number{run.KNN: run.Num(0.5)}, Spectrum: []float64{3, 1}},
		{Event: run.Eval, Step: 1, Probe: "caf\xe9", Of: run.OfBackbone,
			Metrics: map[string]run.Number{run.KNN: run.Num(0.25)}},
	}
	text, want := "", []string{}
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		text += string(b) + "\n"
		for name := range e.Numbers() {
			want = append(want, e.Tag(name))
		}
	}
	_, l := file(t, text)
	update(t, l)
	slices.Sort(want)
	if got := l.Tags(); !slices.Equal(got, want) {
		t.Errorf("tags %q, want %q", got, want)
	}
	if m := l.Marks(); len(m) != 1 || m[0].Steps != 9 {
		t.Errorf("marks %+v", m)
	}
	all := l.Evaluations()
	if len(all) != 2 {
		t.Fatalf("%d evaluations", len(all))
	}
	e, err := l.Event(all[0])
	if err != nil || !slices.Equal(e.Spectrum, []float64{3, 1}) {
		t.Errorf("%+v, %v", e, err)
	}
}

// A log follows a file that grows by halves of lines, and sees that it was cut and written anew.
func TestFollow(t *testing.T) {
	path, l := file(t, step(1, "5", 10)+step(2, "4", 11)[:9])
	update(t, l)
	if steps, _ := values(t, l, "loss", 0, 99, 100); !slices.Equal(steps, []int{1}) {
		t.Errorf("steps %v", steps)
	}
	appendTo(t, path, step(2, "4", 11)[9:]+"{broken\n"+step(3, "null", 12)+step(4, "3", 13))
	if s := update(t, l); s.Broken != 1 {
		t.Errorf("%d broken lines", s.Broken)
	}
	steps, all := values(t, l, "loss", 0, 99, 100)
	if !slices.Equal(steps, []int{1, 2, 3, 4}) || !math.IsNaN(all[2]) || all[3] != 3 {
		t.Errorf("steps %v, values %v", steps, all)
	}
	if steps, _ := values(t, l, "terms/a", 2, 3, 100); !slices.Equal(steps, []int{2, 3}) {
		t.Errorf("steps %v", steps)
	}
	// The run is resumed from step 2: the file is cut there, and then is longer than it was.
	head := step(1, "5", 100) + step(2, "4", 50)
	write(t, path, head+`{"event":"resumed","step":2,"epoch":0}`+"\n"+step(3, "7", 100)+step(5, "5", 200))
	update(t, l)
	points, err := l.Curve("loss", 0, 99, 100)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(points); n != 4 || points[2].Value != 7 || points[2].Time != 4 || points[3].Time != 5 {
		t.Errorf("after a resume: %+v", points)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if update(t, l); len(l.Tags()) > 0 {
		t.Error("the file is gone, and there are curves")
	}
}

// long returns the text of n steps with a peak of the loss at one of them.
func long(n, peak int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		loss := 5 + math.Sin(float64(i)/1000)
		if i == peak {
			loss = 1000
		}
		b.WriteString(step(i, fmt.Sprint(loss), 100))
	}
	return b.String()
}

// A long curve keeps its ends and its peak at every length, and a part of it is exact.
func TestLongCurve(t *testing.T) {
	const n, peak = 100_000, 77_777
	_, l := file(t, long(n, peak))
	s, err := l.Update(1 << 10)
	if err != nil || s.Complete() {
		t.Fatalf("after a first look: %+v, %v", s, err)
	}
	update(t, l)
	for _, points := range []int{16, 200, 2000, 100_000} {
		steps, all := values(t, l, "loss", 0, n, points)
		if steps[0] != 1 || steps[len(steps)-1] != n || slices.Max(all) != 1000 || !slices.IsSorted(steps) {
			t.Errorf("of %d points: from step %d to %d, at most %g", points, steps[0], steps[len(steps)-1],
				slices.Max(all))
		}
		if len(steps) > points+8 && len(steps) > 4*most {
			t.Errorf("%d points, and %d were asked for", len(steps), points)
		}
	}
	steps, all := values(t, l, "loss", peak-20, peak+20, 400)
	if len(steps) != 41 || all[20] != 1000 {
		t.Errorf("a part of 41 steps has %d points, %v", len(steps), all)
	}
	if c := l.curves["loss"]; len(c.stretches) > most {
		t.Errorf("%d stretches", len(c.stretches))
	}
	if p, ok := l.Last("loss"); !ok || p.Step != n || p.Time != n {
		t.Errorf("last %+v", p)
	}
}

// Before a large file has been read there is a sketch of the whole.
func TestSketch(t *testing.T) {
	_, l := file(t, long(250_000, 3))
	s, err := l.Update(1 << 10)
	if err != nil || s.Complete() {
		t.Fatalf("after a first look: %+v, %v", s, err)
	}
	steps, _ := values(t, l, "loss", 0, 250_000, 1000)
	if len(steps) < 500 || steps[len(steps)-1] != 250_000 || !slices.IsSorted(steps) {
		t.Errorf("the sketch has %d points up to step %d", len(steps), steps[len(steps)-1])
	}
}

func FuzzLog(f *testing.F) {
	for _, s := range []string{"", "\n", step(1, "5", 10), `{"event":"eval","step":1,"probe":"x","of":"backbone",` +
		`"knn":1e999}` + "\n",
		`{"event":"step","step":-1,"loss":"x"}` + "\n", `{"event":"end","step":3}` + "\n[]\nnull\n",
		`{"event":"step","step":1e300,"terms":{"a":null}}` + "\n"} {
		f.Add([]byte(s), []byte(s))
	}
	f.Fuzz(func(t *testing.T, text, more []byte) {
		path, l := file(t, string(text))
		update(t, l)
		appendTo(t, path, string(more))
		update(t, l)
		for _, tag := range l.Tags() {
			if _, err := l.Curve(tag, 0, math.MaxInt, 100); err != nil {
				t.Fatal(err)
			}
		}
		fresh := New(l.open, hundred, nil)
		update(t, fresh)
		if !slices.Equal(fresh.Tags(), l.Tags()) || fresh.broken != l.broken || len(fresh.Marks()) != len(l.Marks()) {
			t.Errorf("read in two parts: %q, %d broken; as a whole: %q, %d", l.Tags(), l.broken, fresh.Tags(),
				fresh.broken)
		}
	})
}

func BenchmarkLog(b *testing.B) {
	_, l := file(b, long(20_000, 3))
	for b.Loop() {
		l.reset()
		l.was = nil
		update(b, l)
	}
}

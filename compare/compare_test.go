// SPDX-License-Identifier: Apache-2.0

package compare

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/chart"
	"github.com/parallax-ssl/parallax/internal/pagetest"
	"github.com/parallax-ssl/parallax/run"
)

// TestWelch has the values of ttest_ind(equal_var=False) of scipy 1.17.1.
func TestWelch(t *testing.T) {
	for _, c := range []struct {
		a, b []float64
		want float64
	}{
		{[]float64{27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4},
			[]float64{27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 31.7},
			0.006628371456404242},
		{[]float64{0.51, 0.53, 0.52}, []float64{0.41, 0.47, 0.44}, 0.033329165127529245},
		{[]float64{1, 2}, []float64{1, 4}, 0.6248301115609279},
		{[]float64{3.0, 4.0, 1.0, 2.1}, []float64{490.2, 340.0, 433.9}, 0.010751561149784488},
	} {
		for _, got := range []float64{Welch(c.a, c.b), Welch(c.b, c.a)} {
			if math.Abs(got-c.want) > 1e-9 {
				t.Errorf("Welch(%v, %v) = %.12g, want %.12g", c.a, c.b, got, c.want)
			}
		}
	}
	for _, c := range [][2][]float64{{nil, {1, 2}}, {{1}, {1, 2}}, {{1, 1}, {2, 2}}} {
		if got := Welch(c[0], c[1]); !math.IsNaN(got) {
			t.Errorf("Welch(%v, %v) = %g, want NaN", c[0], c[1], got)
		}
	}
}

// Shifting and scaling both samples leaves p, and a larger distance lowers it. Spreads may be tiny.
func TestWelchProperties(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	sample := func() (v []float64) {
		for range 2 + rng.IntN(6) {
			v = append(v, rng.NormFloat64())
		}
		return v
	}
	moved := func(v []float64, by, times float64) (w []float64) {
		for _, x := range v {
			w = append(w, times*(x+by))
		}
		return w
	}
	for range 200 {
		a, b := sample(), sample()
		p := Welch(a, b)
		if !(p >= 0 && p <= 1) {
			t.Fatalf("Welch(%v, %v) = %g", a, b, p)
		}
		for _, times := range []float64{-3, 1e-100, 1e100} {
			if q := Welch(moved(a, 0, times), moved(b, 0, times)); math.Abs(p-q) > 1e-6 {
				t.Fatalf("%v, %v: %g, times %g: %g", a, b, p, times, q)
			}
		}
		if near, far := Welch(a, moved(a, 1, 1)), Welch(a, moved(a, 5, 1)); far > near {
			t.Fatalf("%v: %g at a distance of 1, %g at 5", a, near, far)
		}
	}
}

// Holm's method by hand: 0.01 times 4; 0.02 times 3; 0.03 times 2 is no less; 0.4 times 1.
func TestHolm(t *testing.T) {
	for _, c := range [][2][]float64{
		{{0.4, 0.01, 0.03, 0.02}, {0.4, 0.04, 0.06, 0.06}},
		{{0.04, 0.03}, {0.06, 0.06}}, {{0.9, 0.8}, {1, 1}}, {{0.2}, {0.2}}, {nil, nil},
	} {
		got := Holm(c[0])
		for i := range got {
			if len(got) != len(c[1]) || math.Abs(got[i]-c[1][i]) > 1e-12 {
				t.Errorf("Holm(%v) = %v, want %v", c[0], got, c[1])
				break
			}
		}
	}
}

// made writes a run with evaluations, one of each step and value of knn, and returns its folder.
func made(t testing.TB, settings string, knn map[int]string, more ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := `{"event":"start","step":0,"method":"m","steps":100}` + "\n"
	for step := range 101 {
		if step > 0 && step%10 == 0 {
			text += fmt.Sprintf(`{"event":"step","step":%d,"loss":%g,"images_per_second":10}`+"\n", step,
				1/float64(step))
		}
		if v, has := knn[step]; has {
			text += fmt.Sprintf(`{"event":"eval","step":%d,"probe":"p","of":"backbone","knn":%s,"rankme":%d}`+"\n",
				step, v, step+3)
		}
	}
	text += strings.Join(more, "\n") + "\n"
	for name, content := range map[string]string{run.ConfigFile: settings, run.MetricsFile: text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const ended = `{"event":"end","step":100,"reason":"finished"}`

func settings(seed int, method, more string) string {
	return fmt.Sprintf("format: 7\nseed: %d\nmethod: {name: %s}\ntrain: {batch: 20, epochs: 5%s}\n", seed, method, more)
}

func read(t testing.TB, dirs ...string) (all []*Run) {
	t.Helper()
	for _, dir := range dirs {
		r, err := Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		r.Name = fmt.Sprintf("run%d", len(all))
		all = append(all, r)
	}
	return all
}

func of(t testing.TB, all []*Run) *Comparison {
	t.Helper()
	c, err := Of(all)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func text(t testing.TB, c *Comparison) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Text(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Groups, equal steps and equal time: b's runs end at step 60, and its steps take half the time.
func TestCompare(t *testing.T) {
	var dirs []string
	for seed, v := range []string{"0.5", "0.6", "0.7"} {
		dirs = append(dirs,
			made(t, settings(seed, "a", ", threads: 2"), map[int]string{0: "0.1", 20: "0.2", 60: v, 100: "0.9"}, ended),
			made(t, strings.Replace(settings(seed, "b", ""), "batch: 20", "batch: 10", 1),
				map[int]string{0: "0.1", 30: "0.1", 60: "0.3" + fmt.Sprint(seed)}, ended))
	}
	c := of(t, read(t, dirs...))
	if c.Steps != 60 || c.Seconds != 60 {
		t.Errorf("compared at step %d and after %g s", c.Steps, c.Seconds)
	}
	if len(c.Groups) != 2 || c.Groups[0].Label != "a" || c.Groups[1].Label != "b" || len(c.Groups[0].Runs) != 3 {
		t.Fatalf("groups %+v", c.Groups)
	}
	a, b := c.Groups[0].AtSteps[KNN], c.Groups[1].AtSteps[KNN]
	if math.Abs(a.Mean-0.6) > 1e-12 || math.Abs(a.Deviation-0.1) > 1e-12 || !a.Best || b.Best || !math.IsNaN(a.Chance) {
		t.Errorf("a at equal steps: %+v", a)
	}
	if want := Welch([]float64{0.5, 0.6, 0.7}, []float64{0.30, 0.31, 0.32}); math.Abs(b.Chance-want) > 1e-12 {
		t.Errorf("chance %g, want %g", b.Chance, want)
	}
	// a's step 20 takes 40 s.
	if late := c.Groups[0].AtTime[KNN]; late.Mean != 0.2 && math.Abs(late.Mean-0.2) > 1e-12 {
		t.Errorf("a at equal time: %+v", late)
	}
	if late := c.Groups[1].AtTime[KNN]; math.Abs(late.Mean-0.31) > 1e-12 || !late.Best {
		t.Errorf("b at equal time: %+v", late)
	}
	if g := c.Best(Linear); g != nil {
		t.Errorf("the best without a value is %q", g.Label)
	}
	got := text(t, c)
	for _, want := range []string{"at step 60", "after 1 min of training", "a  3     0.600 ± 0.100  best",
		"best by kNN: a\n",
		"best by RankMe, which needs no labels: a\n", "different numbers of threads",
		"up to step 60, others up to step 100"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	var table bytes.Buffer
	if err := c.CSV(&table); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&table).ReadAll()
	if err != nil || len(rows) != 7 || rows[1][3] != "0.5" || rows[1][4] != "0.2" || rows[1][5] != "" {
		t.Errorf("%v, %q", err, rows)
	}
}

// One run that breaks early does not limit the others, and counts with its last evaluation. One whose last evaluation
// is NaN has no value.
func TestBroken(t *testing.T) {
	last := map[int]string{0: "0.1", 10: "0.2", 100: "0.5"}
	all := read(t,
		made(t, settings(1, "a", ""), last, ended),
		made(t, settings(2, "a", ""), map[int]string{0: "0.1", 10: "0.3"},
			`{"event":"alarm","step":11,"name":"nonfinite","term":"loss"}`,
			`{"event":"end","step":11,"reason":"failed"}`),
		made(t, settings(3, "a", ""), map[int]string{0: "0.1", 10: "0.3", 50: "null"}, ended,
			`{"event":"judged","class":"COMPLETE"}`,
			`{"event":"end","step":50,"reason":"collapsed"}`),
		made(t, settings(4, "a", ""), nil, ended))
	c := of(t, all)
	if c.Steps != 100 || len(c.Groups) != 1 {
		t.Fatalf("at step %d, %d groups", c.Steps, len(c.Groups))
	}
	if v := c.Groups[0].AtSteps[KNN]; !slices.Equal(v.Values, []float64{0.5, 0.3}) || !math.IsNaN(v.Chance) {
		t.Errorf("%+v", v)
	}
	got := text(t, c)
	for _, want := range []string{"of 2 runs", "2 runs collapsed or had a loss that was not finite",
		"run3 has not been evaluated",
		"1 COMPLETE"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if c := of(t, all[1:3]); c.Steps != 50 {
		t.Errorf("broken runs alone are compared at step %d", c.Steps)
	}
	late := read(t, made(t, settings(1, "a", ""), map[int]string{20: "0.5"}), made(t, settings(2, "a", ""), last))
	late[1].Curves[KNN], late[1].Curves[RankMe] = late[1].Curves[KNN][2:], late[1].Curves[RankMe][2:]
	if got := text(t, of(t, late)); !strings.Contains(got, "1 run had no evaluation so early") {
		t.Errorf("a run that is evaluated late:\n%s", got)
	}
	if _, err := Of(all[3:]); err == nil {
		t.Error("runs without an evaluation are compared")
	}
	if _, err := Of(nil); err == nil {
		t.Error("no runs are compared")
	}
}

// One run, and runs whose settings do not say how many images a step has: no p, and no table at equal time.
func TestFew(t *testing.T) {
	timeless := strings.Replace(settings(1, "a", ""), "batch: 20, ", "", 1)
	c := of(t, read(t, made(t, timeless, map[int]string{0: "0.1", 100: "0.5"})))
	got := text(t, c)
	if !math.IsNaN(c.Seconds) || strings.Contains(got, "of training, up to") ||
		!strings.Contains(got, "Times of training are missing") {
		t.Errorf("after %g s:\n%s", c.Seconds, got)
	}
	if !strings.Contains(got, "a  1     0.500  best") || !strings.Contains(got, "did not reach the end yet") {
		t.Errorf("one run:\n%s", got)
	}
	one := made(t, settings(1, "a", ""), map[int]string{100: "0.5"})
	twice := of(t, read(t, one, one))
	if got := text(t, twice); !strings.Contains(got, "seed 1 is there twice") {
		t.Errorf("one seed twice:\n%s", got)
	}
}

// Labels have what tells groups apart, and no more. What --minutes planned is no difference, but the minutes are.
func TestLabels(t *testing.T) {
	var all []*Run
	for i, s := range []string{
		settings(1, "a", ", log_every: 3"), settings(2, "a", ", log_every: 4"), // a group
		settings(1, "b", ""), strings.Replace(settings(1, "b", ""), "epochs: 5", "epochs: 7", 1),
		strings.Replace(settings(1, "b", ""), "epochs: 5", "epochs: 7, accumulate: 2", 1),
	} {
		all = append(all, read(t, made(t, s, map[int]string{100: "0." + fmt.Sprint(i+1)}))...)
	}
	var labels []string
	for _, g := range of(t, all).Groups {
		labels = append(labels, g.Label)
	}
	want := []string{"a, epochs 5", "b, epochs 5", "b, epochs 7", "b, epochs 7, accumulate 2"}
	if !slices.Equal(labels, want) {
		t.Errorf("labels %q, want %q", labels, want)
	}
	planned := func(seed, minutes, steps int) string {
		return fmt.Sprintf("seed: %d\nmethod:\n  name: a\noptim:\n  base_rate: 0.1  # --minutes %d\ntrain:\n  "+
			"batch: 20\n  max_steps: %d  # planned anew at step 5\n", seed, minutes, steps)
	}
	one := map[int]string{100: "0.5"}
	c := of(t, read(t, made(t, planned(1, 3, 100), one), made(t, planned(2, 3, 110), one),
		made(t, planned(1, 4, 100), one)))
	if len(c.Groups) != 2 || len(c.Groups[0].Runs) != 2 || c.Groups[1].Label != "minutes 4" {
		t.Errorf("%d groups, the second is %q", len(c.Groups), c.Groups[1].Label)
	}
	// Equal minutes are compared at the ends.
	ends := of(t, read(t, made(t, planned(1, 3, 40), map[int]string{40: "0.4"}), made(t, planned(2, 3, 100), one)))
	if v := ends.Groups[0].AtTime[KNN]; !slices.Equal(v.Values, []float64{0.4, 0.5}) {
		t.Errorf("at the end of equal minutes: %v", v.Values)
	}
	if got := text(t, ends); !strings.Contains(got, "at the end of each run, all with --minutes 3") {
		t.Error(got)
	}
}

// Names from outside do no harm on the terminal or the page, and a damaged file is an error or read as far as it goes.
func TestHostile(t *testing.T) {
	hostile := "\"<script>alert(1)</script>\\u202e\\x1b[2J\\t" + strings.Repeat("x", 10_000) + "\""
	dir := made(t, strings.Replace(settings(1, "a", ""), "name: a", "name: "+hostile, 1), map[int]string{100: "0.5"},
		"{broken", `{"event":"judged","class":"<img src=x>\u001b[31m`+strings.Repeat("y", 5000)+`"}`, "\x00\x00")
	other := made(t, settings(1, "b", ""), map[int]string{100: "0.5"})
	all := read(t, dir, other)
	all[0].Name = "<svg onload=alert(2)>\x1b[2J"
	c := of(t, all)
	got := text(t, c)
	if strings.ContainsAny(got, "\x1b\u202e\x00") || len(got) > 5000 {
		t.Errorf("%d bytes: %q", len(got), got)
	}
	var page bytes.Buffer
	if err := (Page{Title: "<b>", Comparison: c, Failed: []string{"<i>"}}).Write(&page); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "<svg onload", "<b>", "<i>"} {
		if strings.Contains(page.String(), bad) {
			t.Errorf("the page has %s", bad)
		}
	}
	for _, damage := range []string{"", "seed: [", "- 1", "seed: 1\n---\nseed: 2", "\x00\xff"} {
		if err := os.WriteFile(filepath.Join(dir, run.ConfigFile), []byte(damage), 0o666); err != nil {
			t.Fatal(err)
		}
		if r, err := Read(dir); err == nil {
			if c, err := Of([]*Run{r}); err == nil {
				text(t, c)
			}
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("an error of two lines: %v", err)
		}
	}
	if _, err := Read(t.TempDir()); err == nil {
		t.Error("a folder without a run is read")
	}
}

// The page has the numbers of the table, a line for each run in each chart, and asks nobody for anything.
func TestPage(t *testing.T) {
	var all []*Run
	for i, m := range []string{"a", "b", "b"} {
		knn := map[int]string{0: "0.1", 50: "0.3", 100: fmt.Sprint(0.4 + 0.1*float64(i))}
		all = append(all, read(t, made(t, settings(i, m, ""), knn, ended))...)
	}
	c := of(t, all)
	var b bytes.Buffer
	p := Page{Title: "A comparison", Facts: [][2]string{{"Images", "photos"}}, Comparison: c}
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"<h1>A comparison</h1>", "0.550 ± 0.071", "Best by kNN: b", "photos",
		"Content-Security-Policy"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if found := regexp.MustCompile(`(https?:|//[a-z]|<script|src=|<link|@import|url\()`).FindString(page); found != "" {
		t.Errorf("the page has %q", found)
	}
	if n := strings.Count(page, "<svg "); n != 6 { // kNN, RankMe and the loss, by step and by time
		t.Errorf("%d charts", n)
	}
	if lines := regexp.MustCompile(`<path d="M[^"]+"><title>run0</title>`).FindAllString(page, -1); len(lines) != 6*3 {
		t.Errorf("%d curves", len(lines))
	}
}

// TestContrast computes the contrast of the page's text. WCAG 2.2 requires 4.5.
func TestContrast(t *testing.T) {
	light, dark := pagetest.Colours(chart.Style + pageStyle)
	for name, scheme := range map[string]pagetest.Scheme{"light": light, "dark": dark} {
		for _, front := range []string{"ink", "dim", "good", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"} {
			if got := scheme.Contrast(front, "bg"); !(got >= 4.5) {
				t.Errorf("%s: %s has a contrast of %.2f", name, front, got)
			}
		}
	}
}

// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/collapse"
	"github.com/parallax-ssl/parallax/collapse/guard"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/internal/pagetest"
	"github.com/parallax-ssl/parallax/run"
)

// check parses a report and says what is wrong with it.
func check(t testing.TB, what, page string) {
	t.Helper()
	if faults := pagetest.Faults(page, "https://arxiv.org/abs/"); len(faults) > 0 {
		t.Errorf("%s: %q", what, faults)
	}
	if len(page) >= Limit {
		t.Errorf("%s: the report has %d bytes", what, len(page))
	}
}

// The report has what the run directory says, each in its place, and pictures of the images.
func TestReport(t *testing.T) {
	m := good(t)
	m.bad = []dataset.BadImage{{Index: 3, Name: "a/broken.jpg", Reason: "it ends early"}}
	m.notes = `{"tags": ["keep"], "note": "the good one"}`
	page := write(t, m.write(t), Options{Method: simSiam, Version: "1.2.3"})
	check(t, "a good run", page)
	words := pagetest.Words(page)
	after := 100 * purity(m.samples[1], mostNeighbours)
	for _, want := range []string{
		"SimSiam simsiam-1", "finished HEALTHY", "keep", "the good one", "Written by Parallax 1.2.3",
		"0.900 kNN accuracy after step 40; untrained 0.100", "0.450 linear accuracy", "0.95 spread of embeddings",
		"40 of 16 images; 10.7 passes over the data", "20 s without evaluations and pauses; 32 images/s",
		"before training 0 0.100 0.050 0.95 0.05 40.0 33.0", "last, and best by kNN 40 0.900 0.450 0.95",
		"k = 20 nearest neighbours", "T = 0.07", "12 queries", "Chance: 1 of 10 classes is 0.100",
		"mean cosine 0.05", "effective rank 40", "What usually makes this method collapse: no stop-gradient.",
		"A constant embedding would have the loss −1, the least that the loss can be", "No alarm was raised.",
		fmt.Sprintf("%.0f %% have its label", after), "Best checkpoint step 30", "Images that could not be read",
		"1 image: quarantine.jsonl", "a/broken.jpg : it ends early", "flag --data", "All ",
		"parallax pretrain --config ", "parallax pretrain --resume ", "--preset tiny-cpu", "--data synthetic:60",
		"parallax eval knn --run ", "parallax embed --run ", "parallax export --run ", "Spread of embeddings z",
		"Learning rate", "Spectrum of embeddings z", "arXiv:2011.10566",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	if n := strings.Count(page, `<svg class="chart"`); n != 10 {
		t.Errorf("there are %d charts", n)
	}
	pictures := regexp.MustCompile(`src="data:image/jpeg;base64,([^"]+)"`).FindAllStringSubmatch(page, -1)
	if want := shownViews*(1+2) + shownNear*(1+shownNeighbours); len(pictures) != want {
		t.Errorf("there are %d pictures, want %d", len(pictures), want)
	}
	for _, p := range pictures {
		// html/template escapes + in attributes.
		text, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(p[1], "&#43;", "+"))
		must(t, err)
		if _, err := jpeg.Decode(bytes.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(page, `<svg class="scatter" `); n != 2 {
		t.Errorf("there are %d maps", n)
	}
}

// Curves end where the events say.
func TestCurves(t *testing.T) {
	s := readStory(context.Background(), good(t).write(t))
	main, more := s.curves()
	ends := map[string]string{"Loss": "ends at −0.9.",
		"Accuracy of the backbone's features h": "kNN ends at 0.9. linear ends at 0.45.",
		"Learning rate":                         "ends at 0.1.",
		"Spread of embeddings z":                "probe ends at 0.95. guard's sample ends at 0.95.",
		"Term of the loss: cosine":              "ends at 0.5.", "Norms of gradients, by part": "ends at 2."}
	for _, f := range slices.Concat(main, more) {
		if want, known := ends[f.Caption]; known {
			if !strings.Contains(strings.ReplaceAll(string(f.SVG), "&#39;", "'"), want) {
				t.Errorf("%s: no %q in %.300s", f.Caption, want, f.SVG)
			}
			delete(ends, f.Caption)
		}
	}
	if len(ends) > 0 {
		t.Errorf("there are no curves of %v", ends)
	}
	if !strings.Contains(string(main[0].SVG), "a collapsed network") {
		t.Error("the loss is not compared with that of a collapsed network")
	}
}

// The head says how a run ended.
func TestStates(t *testing.T) {
	for want, events := range map[string][]run.Event{
		"finished":             {{Event: run.End, Reason: run.Finished}},
		"stopped by the guard": {{Event: run.End, Reason: run.Collapsed, Message: "it fell"}},
		"stopped":              {{Event: run.End, Reason: run.Interrupted}},
		"failed":               {{Event: run.End, Reason: run.Failed, Message: "the disk is full"}},
		"lost":                 {{Event: run.End, Reason: run.Finished}, {Event: run.Resumed}},
	} {
		m := good(t)
		m.events = append(m.events[:len(m.events)-1:len(m.events)-1], events...)
		s := readStory(context.Background(), m.write(t))
		if got := s.condition(); got.Word != want || !strings.Contains(got.Text, events[0].Message) {
			t.Errorf("%+v, want %s", got, want)
		}
	}
	m := good(t)
	dir := m.write(t)
	unlock, err := run.Lock("run", dir)
	must(t, err)
	m.events = m.events[:len(m.events)-1]
	must(t, os.WriteFile(filepath.Join(dir, run.MetricsFile), lines(t, m.events), 0o666))
	if got := readStory(context.Background(), dir).condition(); got.Word != "running" {
		t.Errorf("a run that is open is %+v", got)
	}
	must(t, unlock())
}

// A collapsed run is called one, with its alarm.
func TestCollapsed(t *testing.T) {
	m := good(t)
	for i, e := range m.events {
		if e.Event == run.Eval && e.Of == run.OfEmbedding && e.Step > 0 {
			m.events[i].Metrics = map[string]run.Number{run.Std: run.Num(0.01), run.MeanCosine: run.Num(0.999),
				run.EffectiveRank: run.Num(1.2), run.ParticipationRatio: run.Num(1), run.RankMe: run.Num(1.1),
				run.TopShare: run.Num(1)}
		}
	}
	m.events = slices.Insert(m.events, len(m.events)-1, run.Event{Event: run.Alarm, Step: 20, Name: run.Collapse,
		Class: string(collapse.Complete), Message: "All embeddings are one point."})
	page := write(t, m.write(t), Options{Method: simSiam})
	check(t, "a collapsed run", page)
	words := pagetest.Words(page)
	g := guard.New(config.Warn)
	for _, e := range m.events {
		g.Add(e)
	}
	judged, _ := g.Judged()
	if !collapse.Class(judged.Class).Alarming() {
		t.Fatalf("the guard says %s", judged.Class)
	}
	for _, want := range []string{"finished " + judged.Class, "step 20 COMPLETE All embeddings are one point.",
		"0.01 spread of embeddings", "participation ratio 1 below 2"} {
		if !strings.Contains(words, want) {
			t.Errorf("the report lacks %q in %.3000s", want, words)
		}
	}
	if !strings.Contains(page, "alarm at step 20: COMPLETE") {
		t.Error("the charts do not mark the alarm")
	}
}

// Whatever texts a run directory holds, the report shows them harmlessly.
func TestHostileTexts(t *testing.T) {
	texts := []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='x`,
		`</style><b>`, `</title>`,
		"\u202e\u2066gpj.exe", "a\x00b", "\xff\xfe", `javascript:alert(1)`, `{{.Style}}`, "https://evil.example/x.png",
		`]]>--><svg onload=x>`, "line\nline\r\x1b[31m", huge(10_000), strings.Repeat("€", 10_000), "'; rm -rf ~ #"}
	quoted := func(v any) string { text, _ := json.Marshal(v); return string(text) }
	for _, bad := range texts {
		m := good(t)
		valid := strings.ToValidUTF8(bad, "?")
		m.config = strings.NewReplacer("path: \"synthetic:60\"", "path: "+quoted(valid),
			"# flag --seed", "", "name: resnet18", "name: "+quoted(valid)).Replace(m.config)
		m.events[0].Causes, m.events[0].Method = valid, valid
		for i := range m.events {
			if m.events[i].Event == run.Eval && m.events[i].Probe != run.GuardProbe {
				m.events[i].Probe = bad
			}
			if m.events[i].Terms != nil {
				m.events[i].Terms = map[string]run.Number{valid: run.Num(1)}
			}
		}
		m.events = slices.Insert(m.events, len(m.events)-1,
			run.Event{Event: run.Alarm, Step: 20, Name: run.Collapse, Class: valid, Message: valid},
			run.Event{Event: run.Replanned, Step: 30, Message: valid}, run.Event{Event: run.End, Step: 40,
				Reason: valid, Message: valid})
		m.bad = []dataset.BadImage{{Name: bad, Reason: bad}}
		m.notes = quoted(map[string]any{"tags": []string{valid, valid}, "note": valid})
		for _, s := range m.samples {
			s.Classes = map[int]string{}
			for i := range s.Images {
				s.Images[i].Name, s.Classes[s.Images[i].Label] = valid, valid
			}
		}
		if name := strings.NewReplacer("/", "", "\x00", "").Replace(bad); len(name) < 200 {
			m.name = name
		}
		page := write(t, m.write(t), Options{Method: Method{Title: valid, Paper: valid, Equation: valid,
			Collapse: valid},
			Version: valid})
		check(t, fmt.Sprintf("%.40q", bad), page)
		if i := strings.IndexFunc(page, func(r rune) bool {
			return r < ' ' && r != '\n' && r != '\t' || r == '\u202e' || r == '\u2066' || r == 0xfffd || r == 0x7f
		}); i >= 0 {
			t.Errorf("%.40q: the report has the character %q in %q", bad, page[i:i+3], page[max(0, i-60):i])
		}
		if len(page) > 900_000 {
			t.Errorf("%.40q: %d bytes", bad, len(page))
		}
	}
}

// With a file missing or damaged there is a report that says so, or a clear error.
func TestDamage(t *testing.T) {
	if err := Write(context.Background(), new(bytes.Buffer), filepath.Join(t.TempDir(), "none"),
		Options{}); err == nil {
		t.Error("there is a report of nothing")
	}
	err := Write(context.Background(), new(bytes.Buffer), t.TempDir(), Options{})
	if err == nil || !strings.Contains(err.Error(), "is no run directory") || strings.Contains(err.Error(), "\n") {
		t.Errorf("of an empty folder: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o666))
	if err := Write(context.Background(), new(bytes.Buffer), file, Options{}); err == nil {
		t.Error("there is a report of a file")
	}
	sample := func(dir string) string { return filepath.Join(dir, run.FeaturesDir, "step-00000040.safetensors") }
	config := func(dir string) string { return filepath.Join(dir, run.ConfigFile) }
	events := func(dir string) string { return filepath.Join(dir, run.MetricsFile) }
	put := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o666) }
	for name, c := range map[string]struct {
		harm func(dir string) error
		want []string
	}{
		"no config": {func(dir string) error { return os.Remove(config(dir)) },
			[]string{"config.yaml cannot be read: it is missing", "Without the settings the images are not known",
				"kNN accuracy"}},
		"config is no YAML": {func(dir string) error { return put(config(dir), "a: [") },
			[]string{"config.yaml cannot be read"}},
		"config is a folder": {func(dir string) error {
			return firstOf(os.Remove(config(dir)), os.Mkdir(config(dir), 0o777))
		}, []string{"config.yaml cannot be read: it is no plain file"}},
		"config of another kind": {func(dir string) error { return put(config(dir), "just: text\n") },
			[]string{"kNN accuracy"}},
		"no events": {func(dir string) error { return os.Remove(events(dir)) },
			[]string{"There are no events", "Settings"}},
		"empty events": {func(dir string) error { return put(events(dir), "") },
			[]string{"There are no events"}},
		"broken lines": {func(dir string) error {
			text, err := os.ReadFile(events(dir))
			return firstOf(err, put(events(dir), "{broken\n"+string(text)+"[]\n\x00\xff\n"))
		}, []string{"Lines of metrics.jsonl that are no events: 3", "kNN accuracy"}},
		"half of the events": {func(dir string) error {
			text, err := os.ReadFile(events(dir))
			return firstOf(err, put(events(dir), string(text[:len(text)/2])))
		}, []string{"lost", "Loss"}},
		"no features": {func(dir string) error { return os.RemoveAll(filepath.Join(dir, run.FeaturesDir)) },
			[]string{"The run kept no features of images.", "view 2"}},
		"damaged features": {func(dir string) error { return put(sample(dir), "x") },
			[]string{"Reading step-00000040", "view 2"}},
		"data is gone": {func(dir string) error {
			text, err := os.ReadFile(config(dir))
			return firstOf(err, put(config(dir), strings.Replace(string(text), "synthetic:60", "/nowhere", 1)))
		}, []string{"Opening the images of the run", "Before training", "have its label"}},
		"other data": {func(dir string) error {
			text, err := os.ReadFile(config(dir))
			return firstOf(err, put(config(dir), strings.Replace(string(text), "split: train", "split: nonsense", 1)))
		}, []string{"Opening the images of the run"}},
		"notes are no JSON": {func(dir string) error { return put(filepath.Join(dir, notesFile), "{") },
			[]string{"notes.json cannot be read", "kNN accuracy"}},
		"quarantine is no JSON": {func(dir string) error {
			return put(filepath.Join(dir, run.QuarantineFile),
				"{\n\n1\n")
		},
			[]string{"kNN accuracy"}},
	} {
		dir := good(t).write(t)
		must(t, c.harm(dir))
		page := write(t, dir, Options{Method: simSiam})
		check(t, name, page)
		words := pagetest.Words(page)
		for _, want := range c.want {
			if !strings.Contains(words, want) {
				t.Errorf("%s: the report lacks %q", name, want)
			}
		}
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// When there is no time the report has all but pictures and maps, and says so.
func TestNoTime(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	dir := good(t).write(t)
	file, err := WriteFile(ctx, dir, "", Options{Method: simSiam})
	must(t, err)
	if file != filepath.Join(dir, run.ReportFile) {
		t.Errorf("the report is at %s", file)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	check(t, "without time", string(text))
	words := pagetest.Words(string(text))
	if strings.Contains(string(text), "<img") || !strings.Contains(words, "There was no time for it") ||
		!strings.Contains(words, "0.900 kNN accuracy") {
		t.Errorf("without time the report is %.500s", words)
	}
	must(t, os.Remove(file))
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := WriteFile(cancelled, dir, "", Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("after the end of the context there is a file")
	}
}

// Without labels the map has clusters for colours, and no purity is claimed.
func TestWithoutLabels(t *testing.T) {
	m := good(t)
	for _, s := range m.samples {
		for i := range s.Images {
			s.Images[i].Label = -1
		}
	}
	words := pagetest.Words(write(t, m.write(t), Options{}))
	if !strings.Contains(words, "There are no labels: colours are clusters") || !strings.Contains(words,
		"cluster 10") ||
		strings.Contains(words, "have its label") {
		t.Errorf("without labels: %.2000s", words)
	}
}

// The report of a run of a million steps, a thousand evaluations and settings of any size stays small.
func TestSize(t *testing.T) {
	m := good(t)
	m.events = m.events[:1]
	m.events[0].Steps = 1_000_000
	var b bytes.Buffer
	b.Write(lines(t, m.events))
	for step := 10; step <= 1_000_000; step += 10 {
		fmt.Fprintf(&b, `{"event":"step","step":%d,"epoch":%d,"loss":%.6f,"terms":{"a":%d,"b":1},`+
			`"rate":0.1,"images_per_second":900}`+"\n",
			step, step/100, math.Sin(float64(step)), step%7)
		if step%1000 == 0 {
			one := &made{}
			one.evaluate(step, "synthetic:60", 0.5+0.1*math.Sin(float64(step)))
			b.Write(lines(t, append(one.events, run.Event{Event: run.Alarm, Step: step, Name: run.Collapse,
				Class:   "COMPLETE",
				Message: strings.Repeat("long ", 500)}, run.Event{Event: run.Saved, Step: step, Best: true})))
		}
	}
	var settings strings.Builder
	for i := range 800 {
		fmt.Fprintf(&settings, "  key_%d: %s  # flag --key-%d\n", i, strings.Repeat("<", 2000), i)
	}
	m.config += "\nmore:\n" + settings.String()
	m.bad = slices.Repeat([]dataset.BadImage{{Name: huge(5000), Reason: huge(5000)}}, 300)
	dir := m.write(t)
	must(t, os.WriteFile(filepath.Join(dir, run.MetricsFile), b.Bytes(), 0o666))
	page := write(t, dir, Options{Method: simSiam})
	check(t, "a huge run", page)
	words := pagetest.Words(page)
	for _, want := range []string{"1,000,000 of 16 images", "300 images: quarantine.jsonl", "and 980 more"} {
		if !strings.Contains(words, want) {
			t.Errorf("the report lacks %q in %.1500s", want, words)
		}
	}
	t.Logf("%d bytes", len(page))
}

// Pictures that have no room are left out and counted.
func TestAlbum(t *testing.T) {
	a := &album{left: 20_000}
	noise := augment.NewImage(300, 200)
	for i := range noise.Pix {
		noise.Pix[i] = uint8(i * i >> 3)
	}
	used := 0
	for range 100 {
		if p := a.picture(noise, viewSide, "noise"); p != nil {
			used += len(p.Source)
			if p.W != viewSide || p.H != viewSide*2/3 || p.Small {
				t.Fatalf("a picture of %d x %d", p.W, p.H)
			}
		}
	}
	if used > 20_000 || used < 10_000 || a.refused == 0 {
		t.Errorf("%d bytes of 20,000 are used, and %d pictures are left out", used, a.refused)
	}
}

// All colours can be read, by WCAG 2.2.
func TestContrast(t *testing.T) {
	light, dark := pagetest.Colours(string(style))
	for name, c := range map[string]pagetest.Scheme{"light": light, "dark": dark} {
		for _, pair := range [][2]string{{"ink", "bg"}, {"dim", "bg"}, {"dim", "soft"}, {"ink", "soft"}, {"link", "bg"},
			{"good", "bg"}, {"bad", "bg"}, {"good", "good-bg"}, {"bad", "bad-bg"}, {"open", "open-bg"}, {"a0", "bg"},
			{"a1", "bg"}} {
			if got := c.Contrast(pair[0], pair[1]); !(got >= 4.5) {
				t.Errorf("%s: %s on %s has a contrast of %.2f", name, pair[0], pair[1], got)
			}
		}
	}
}

// Commands give back what was typed.
func TestAsTyped(t *testing.T) {
	s := readStory(context.Background(), good(t).write(t))
	got := strings.Join(asTyped(s.settings), " ")
	for _, want := range []string{"--method simsiam", "--data synthetic:60", "--preset tiny-cpu", "--epochs 4",
		"--threads 1",
		"--set backbone.width=8"} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
}

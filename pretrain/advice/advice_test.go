// SPDX-License-Identifier: Apache-2.0

package advice

import (
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/dataset/survey"
	"github.com/parallax-ssl/parallax/pretrain"
)

// healthy is a survey of data that gives no reason for a warning.
func healthy(change func(r *survey.Report)) *survey.Report {
	r := &survey.Report{Splits: []survey.Split{
		{Name: "train", Images: 1000, Read: 1000, Std: [3]float64{.2, .2, .2}, Classes: []survey.Tally{
			{Name: "a", Count: 400}, {Name: "b", Count: 600}}},
		{Name: "test", Images: 200, Read: 200, Std: [3]float64{.2, .2, .2}, Classes: []survey.Tally{
			{Name: "a", Count: 100}, {Name: "b", Count: 100}}},
	}}
	change(r)
	return r
}

func TestOnData(t *testing.T) {
	of := func(n int) survey.Tally { return survey.Tally{Name: "why", Count: n, Examples: []string{"x.png"}} }
	groups := func(n int) survey.Groups {
		return survey.Groups{Groups: 1, Surplus: n, Examples: [][]string{{"x.png", "y.png"}}}
	}
	for name, c := range map[string]struct {
		change func(r *survey.Report)
		want   string // "" for no advice
	}{
		"nothing": {func(*survey.Report) {}, ""},
		"a few unreadable": {func(r *survey.Report) { r.Splits[0].Unreadable = []survey.Tally{of(1)} },
			"1 of the 1000 images of train cannot be read (such as x.png): pretrain leaves them out; repair or " +
				"remove them"},
		"many unreadable": {func(r *survey.Report) { r.Splits[0].Unreadable = []survey.Tally{of(30)} },
			"pretrain stops when more than 1 % cannot, unless --set data.max_unreadable=SHARE"},
		"many in a sample": {func(r *survey.Report) {
			r.Splits[0].Unreadable, r.Splits[0].Images = []survey.Tally{of(15)}, 100_000
		}, "pretrain stops when"},
		"few copies": {func(r *survey.Report) { r.Splits[0].Copies = groups(9) }, ""},
		"copies": {func(r *survey.Report) { r.Splits[0].Copies = groups(10) }, "are copies of others (such as " +
			"x.png, y.png)"},
		"near copies": {func(r *survey.Report) { r.Splits[1].Near = groups(10) }, "of the 200 images of test look " +
			"like others"},
		"constant": {func(r *survey.Report) { r.Splits[0].Constant = of(1) }, "is of one colour"},
		"thin":     {func(r *survey.Report) { r.Splits[0].Thin = of(10) }, "are thin, one side 4 times the other"},
		"small": {func(r *survey.Report) {
			r.Splits[0].Small, r.Splits[0].Sizes.Median = of(501), [2]int{90, 80}
		}, "are smaller than a view of 224 px and enlarged, which adds time and no detail: give --size 80"},
		"a flat channel": {func(r *survey.Report) { r.Splits[0].Std[2] = .001 },
			"the channel blue of train hardly varies"},
		"a leak": {func(r *survey.Report) {
			r.Leaks = []survey.Leak{{Of: "test", In: "train", Copies: 3, Examples: [][2]string{{"t.png", "x.png"}}}}
		}, "3 of the 200 images of test have a copy in train (such as t.png, which is x.png)"},
		"a leak of similar images": {func(r *survey.Report) {
			r.Leaks = []survey.Leak{{Of: "test", In: "train", Near: 3, Examples: [][2]string{{"t.png", "x.png"}}}}
		}, "3 of the 200 images of test look like one of train (such as t.png and x.png)"},
		"a conflict": {func(r *survey.Report) { r.Conflicts = groups(1) }, "there is 1 group of images with the " +
			"same pixels"},
		"unbalanced": {func(r *survey.Report) { r.Splits[0].Classes[0].Count = 60 },
			"the classes of train are unbalanced: b has 600 images and a has 60 images"},
		"one image": {func(r *survey.Report) { r.Splits[0].Classes[0].Count = 1 },
			"1 class of train has a single image (such as a)"},
		"one class": {func(r *survey.Report) {
			r.Splits[0].Classes[0].Count, r.Splits[1].Classes[0].Count = 0, 0
		}, "all images of train have one label, b"},
		"a class that train lacks": {func(r *survey.Report) { r.Splits[0].Classes[0].Count = 0 },
			"train has no image of 1 class of test (a)"},
		"a class that test lacks": {func(r *survey.Report) { r.Splits[1].Classes[0].Count = 0 },
			"test has no image of 1 class of train (a)"},
		"test without labels": {func(r *survey.Report) { r.Splits[1].Classes = nil }, ""},
		"a name with controls": {func(r *survey.Report) {
			r.Splits[0].Constant = survey.Tally{Count: 1, Examples: []string{"\x1b[2J.png"}}
		}, `such as "\x1b[2J.png"`},
	} {
		got := OnData(healthy(c.change), 224, dataset.DefaultMaxUnreadable)
		if c.want == "" && len(got) > 0 || c.want != "" && !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// run resolves a run on synthetic images with settings.
func run(t *testing.T, images, method string, settings ...string) *pretrain.Job {
	t.Helper()
	r := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("data.path", "synthetic:"+images), pretrain.Set("data.size", 16),
		pretrain.Set("method.name", method), pretrain.Set("train.epochs", 200), pretrain.Set("train.batch", 64),
	}}
	for _, s := range settings {
		path, value, _ := strings.Cut(s, "=")
		r.Settings = append(r.Settings, pretrain.Set(path, value))
	}
	j, err := pretrain.Resolve(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func TestOnRun(t *testing.T) {
	for _, c := range []struct {
		method, images string
		settings       string // separated by spaces
		want           string // "" for no advice
	}{
		{"byol", "6400", "", ""},
		{"byol", "150", "", "an epoch is 2 batches of 64 images, and every step sees nearly the same images: give " +
			"--batch 32"},
		{"byol", "290", "", "batches of 64 leave 34 of the 290 images out of every epoch"},
		{"byol", "640", "train.epochs=2", "the run has only 20 steps"},
		{"byol", "640", "train.max_steps=30", "the run has only 30 steps"},
		{"byol", "640", "train.batch=8", "batch norm takes its statistics from 8 images"},
		{"simclr", "6400", "", "SimCLR compares an image with the 63 other images of its batch, which are few " +
			"negatives: give a larger --batch, or take a method that keeps a queue"},
		{"simclr", "300", "", "with so few images, take a method without negatives"},
		{"simclr", "6400", "train.batch=256", ""},
		{"mocov2", "1000", "", "the queue of 4096 embeddings is more than the 1000 images: each of them is in it 4 " +
			"times, so that an image meets its own earlier embeddings: --set method.queue=256"},
		{"mocov2", "6400", "train.epochs=3 train.max_steps=50", "the queue of 4096 embeddings is not full at the " +
			"end of the run, which sees 3200 images: --set method.queue=1024"},
		{"swav", "1000", "", "SwAV has 300 prototypes for 1000 images, fewer than 10 images each: --set " +
			"method.prototypes=100"},
		{"swav", "6400", "", "SwAV gives each of 300 prototypes an equal share of a batch of 64 images, less than one"},
		{"swav", "6400", "method.queue=1024", ""},
		{"dino", "1000", "", "DINO has 300 outputs for 1000 images"},
		{"wmse", "6400", "train.batch=32 method.projector.widths=[128,64]", "W-MSE whitens 32 rows of 64 numbers " +
			"together"},
		{"wmse", "6400", "train.batch=160 method.projector.widths=[128,64]", "slices of 128 rows leave 32 of a " +
			"batch of 160"},
		{"paws", "6400", "method.support_images=50", "a step takes 50 labelled images of each class, and a has 40 " +
			"images"},
		{"byol", "6400", "probe.k=50", "the kNN accuracy is a vote of 50 neighbours, and the class a has 40 images " +
			"to vote"},
	} {
		j := run(t, c.images, c.method, strings.Fields(c.settings)...)
		r := healthy(func(r *survey.Report) {
			r.Splits[0].Classes = nil
			for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
				r.Splits[0].Classes = append(r.Splits[0].Classes, survey.Tally{Name: name, Count: 40})
			}
		})
		got, err := OnRun(j, r)
		if err != nil {
			t.Fatal(err)
		}
		if c.want == "" && len(got) > 0 || c.want != "" && !strings.Contains(strings.Join(got, "\n"), c.want) {
			t.Errorf("%s on %s, %s: %q, want %q", c.method, c.images, c.settings, got, c.want)
		}
	}
}

// TestOwnClass: with few classes many negatives are of an image's own class, which matters only without labels.
func TestOwnClass(t *testing.T) {
	r := healthy(func(*survey.Report) {})
	const want = "of the 2 classes a batch of 256 holds about 128 images each: 52 % of an image's negatives are of " +
		"its own"
	for _, c := range []struct {
		method string
		said   bool
	}{{"simclr", true}, {"mocov2", true}, {"supcon", false}, {"byol", false}} {
		got, err := OnRun(run(t, "6400", c.method, "train.batch=256"), r)
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, want) })
		if said != c.said {
			t.Errorf("%s: %q", c.method, got)
		}
	}
}

func TestOnRehearsal(t *testing.T) {
	j := run(t, "640", "byol")
	fast := pretrain.Rehearsal{Steps: 100, StepTime: 1, LoadTime: .1, LoadRate: 640, Memory: 1 << 30}
	if got := OnRehearsal(j, &fast, 2<<30); len(got) > 0 {
		t.Errorf("advice without a reason: %q", got)
	}
	if got := OnRehearsal(j, &fast, 512<<20); len(got) != 1 || !strings.HasPrefix(got[0],
		"the run needs about 1.0 GiB, and this machine allows 512 MiB") {
		t.Errorf("on memory: %q", got)
	}
	slow := fast
	slow.LoadTime, slow.Steps = 2, 10_000
	j.Chosen = "preset cifar"
	if got := OnRehearsal(j, &slow, 2<<30); len(got) != 2 || !strings.HasPrefix(got[0], "training waits for images") ||
		!strings.HasPrefix(got[1], "the run is long: --preset tiny-cpu") {
		t.Errorf("on time: %q", got)
	}
}

func TestPower(t *testing.T) {
	for n, want := range map[int]int{0: 2, 1: 2, 3: 2, 4: 4, 500: 256} {
		if got := power(n); got != want {
			t.Errorf("power(%d) = %d, want %d", n, got, want)
		}
	}
}

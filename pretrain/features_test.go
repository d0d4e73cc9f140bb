// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/run/features"
)

// A run keeps the features of the same images at each evaluation. A failure to keep them is told once and ends nothing.
func TestFeaturesAreKept(t *testing.T) {
	dir := t.TempDir()
	trained := func(name string, o Options, more ...Setting) string {
		o.Out = filepath.Join(dir, name)
		if _, err := Run(context.Background(), tiny(more...), o); err != nil {
			t.Fatal(err)
		}
		return o.Out
	}
	steps := func(out string) []int {
		all, err := features.Steps(os.DirFS(filepath.Join(out, run.FeaturesDir)))
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	every := Set("train.eval_every", 2)
	out := trained("whole", Options{}, every)
	if got, want := steps(out), []int{0, 2, 4}; !slices.Equal(got, want) {
		t.Fatalf("features of the steps %v, want %v", got, want)
	}
	data, err := dataset.Open("synthetic:48", dataset.Options{Split: dataset.SplitTest, Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	folder := os.DirFS(filepath.Join(out, run.FeaturesDir))
	log, err := os.Open(filepath.Join(out, run.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	distance := map[int]float64{} // the mean, by step
	for e, err := range run.ReadEvents(log) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Event == run.Eval && e.Of == run.OfEmbedding && e.Probe != run.GuardProbe {
			distance[e.Step] = e.Metrics[run.Alignment].Value
		}
	}
	var before *features.Sample
	for _, step := range steps(out) {
		s, err := features.Read(folder, step)
		if err != nil {
			t.Fatal(err)
		}
		if s.Data != "synthetic:48" || s.Split != dataset.SplitTest || len(s.Images) != data.Len() || s.Width != 32 {
			t.Errorf("step %d: %d images of %s, split %s, width %d", step, len(s.Images), s.Data, s.Split, s.Width)
		}
		for _, image := range s.Images {
			if image.Name != data.Name(image.Index) || image.Label != data.Label(image.Index) ||
				s.Classes[image.Label] != data.Classes[image.Label] {
				t.Errorf("step %d: %+v, whose class is called %s", step, image, s.Classes[image.Label])
			}
		}
		got, want := 0., distance[step]
		for _, d := range s.Alignment {
			got += d / float64(len(s.Alignment))
		}
		if len(s.Alignment) != len(s.Images) || math.Abs(got-want) > 1e-6*want || !(want > 0) {
			t.Errorf("step %d: %d pairs of views are %v apart, want %v", step, len(s.Alignment), got, want)
		}
		if before != nil && (!reflect.DeepEqual(s.Images, before.Images) || reflect.DeepEqual(s.Rows, before.Rows)) {
			t.Errorf("step %d has other images, or the same features", step)
		}
		before = s
	}

	var notes []string
	told := Options{Note: func(text string) { notes = append(notes, text) }, Begin: func(s *Session) {
		s.Probe.Keep = func(*features.Sample) error { return errors.New("the disk is full") }
	}}
	if got := steps(trained("full", told, every)); len(got) > 0 {
		t.Errorf("features of %v were kept", got)
	}
	notes = slices.DeleteFunc(notes, func(note string) bool { return !strings.Contains(note, "the disk is full") })
	if len(notes) != 1 || !strings.Contains(notes[0], "step 0") {
		t.Errorf("the notes are %q", notes)
	}
	hooks := filepath.Join(run.CheckpointsDir, "step-00000004", "hooks.safetensors")
	for _, name := range []string{run.EncoderFile, hooks} {
		a, err := os.ReadFile(filepath.Join(out, name))
		b, err2 := os.ReadFile(filepath.Join(dir, "full", name))
		if err != nil || err2 != nil || !slices.Equal(a, b) {
			t.Errorf("%s depends on whether features are kept (%v, %v)", name, err, err2)
		}
	}
}

// Images that are held out are named by their number in the run's own data.
func TestFeaturesOfHeldOutImages(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	whole := tiny(Set("data.split", "all"), Set("train.max_steps", 1))
	if _, err := Run(context.Background(), whole, Options{Out: out}); err != nil {
		t.Fatal(err)
	}
	s, err := features.Read(os.DirFS(filepath.Join(out, run.FeaturesDir)), 1)
	if err != nil {
		t.Fatal(err)
	}
	data, err := dataset.Open("synthetic:48", dataset.Options{Split: dataset.SplitAll, Size: 16})
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	if len(s.Images) < 2 || len(s.Images) > data.Len()/3 || s.Split != dataset.SplitAll {
		t.Errorf("%d of %d images, split %q", len(s.Images), data.Len(), s.Split)
	}
	for _, image := range s.Images {
		if image.Name != data.Name(image.Index) || image.Label != data.Label(image.Index) {
			t.Errorf("%+v is %s of class %d", image, data.Name(image.Index), data.Label(image.Index))
		}
	}
}

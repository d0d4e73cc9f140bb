// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "gocloud.dev/blob/s3blob"

	"github.com/parallax-ssl/parallax/dist"
	"github.com/parallax-ssl/parallax/internal/objects/s3test"
	"github.com/parallax-ssl/parallax/internal/together"
	"github.com/parallax-ssl/parallax/run"
)

// outVariable tells the processes of a test where their runs are.
const outVariable = "PARALLAX_TEST_OUT"

// shared makes runs in n processes, each of which calls f with the folder of the runs. In the processes it does not
// return before the test ends.
func shared(t *testing.T, n int, f func(t *testing.T, folder string)) (folder string) {
	t.Helper()
	if !together.Inside() {
		t.Setenv(outVariable, t.TempDir())
	}
	folder = os.Getenv(outVariable)
	together.Spawn(t, n, func(t *testing.T) { f(t, folder) })
	return folder
}

// member returns options for one of several processes.
func member(t *testing.T, out string) Options {
	t.Helper()
	place, _, err := dist.Find()
	if err != nil || place == nil {
		t.Fatalf("%v, %v", place, err)
	}
	return Options{Out: out, Place: place, Wait: time.Minute}
}

// losses are those of a run's steps.
func losses(t *testing.T, dir string) (all []float64) {
	t.Helper()
	for _, e := range eventsIn(t, dir) {
		if e.Event == run.StepEnd {
			all = append(all, e.Metrics[run.Loss].Value)
		}
	}
	return all
}

func eventsIn(t *testing.T, dir string) (all []run.Event) {
	t.Helper()
	log, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for e, err := range run.ReadEvents(log) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// The chief publishes the config, writes the run and evaluates. A run that was stopped in two processes goes on in one.
func TestSharedRun(t *testing.T) {
	settings := []Setting{Set("train.max_steps", 8), Set("train.log_every", 1), Set("train.save_every", 4),
		Set("train.eval_every", 4)}
	folder := shared(t, 2, func(t *testing.T, folder string) {
		whole := member(t, filepath.Join(folder, "whole"))
		if _, err := Run(context.Background(), tiny(settings...), whole); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		o := member(t, filepath.Join(folder, "parts"))
		o.Watch = append(o.Watch, func(e run.Event) { // of the chief alone
			if e.Event == run.StepEnd && e.Step == 5 {
				cancel(errStop)
			}
		})
		if _, err := Run(ctx, tiny(settings...), o); err == nil || o.Place.Rank == 0 && !errors.Is(err, errStop) {
			t.Errorf("process %d: %v", o.Place.Rank, err)
		}
		_, err := Run(context.Background(), tiny(Set("train.batch", 15)), member(t, filepath.Join(folder, "odd")))
		if err == nil || !strings.Contains(err.Error(), "such as 16") {
			t.Errorf("a batch of 15 images: %v", err)
		}
		lost := member(t, "")
		if _, err := Resume(context.Background(), filepath.Join(folder, "none"), nil, lost); err == nil ||
			lost.Place.Rank > 0 && !errors.Is(err, dist.ErrLost) {
			t.Errorf("resuming what is no run: %v", err)
		}
	})
	if together.Inside() {
		return
	}
	if _, err := Resume(context.Background(), filepath.Join(folder, "parts"), nil, Options{}); err != nil {
		t.Fatal(err)
	}
	var evaluated []int
	for _, e := range eventsIn(t, filepath.Join(folder, "parts")) {
		if e.Event == run.Eval && e.Of == run.OfBackbone {
			evaluated = append(evaluated, e.Step)
		}
	}
	if !slices.Equal(evaluated, []int{0, 4, 8}) {
		t.Errorf("the run was evaluated at %v", evaluated)
	}
	got, want := losses(t, filepath.Join(folder, "parts")), losses(t, filepath.Join(folder, "whole"))
	if len(got) != 8 || len(want) != 8 || !slices.Equal(got[:5], want[:5]) {
		t.Errorf("the losses are\n%v, want\n%v", got, want)
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 2 {
		t.Errorf("%v, %v: want the two runs alone", entries, err)
	}
}

// The chief's list has the images that any process could not read.
func TestSharedQuarantine(t *testing.T) {
	photos := func(folder string) string { return filepath.Join(folder, "photos") }
	if !together.Inside() {
		t.Setenv(outVariable, t.TempDir())
		if err := os.Mkdir(photos(os.Getenv(outVariable)), 0o777); err != nil {
			t.Fatal(err)
		}
		for i := range 32 {
			var text bytes.Buffer
			m := image.NewRGBA(image.Rect(0, 0, 16, 16))
			for k := range m.Pix {
				m.Pix[k] = byte(i*k + k/7)
			}
			if err := png.Encode(&text, m); err != nil {
				t.Fatal(err)
			}
			if i%8 == 3 {
				text.Truncate(text.Len() / 2)
			}
			name := filepath.Join(photos(os.Getenv(outVariable)), fmt.Sprintf("%02d.png", i))
			if err := os.WriteFile(name, text.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	settings := []Setting{Set("data.path", photos(os.Getenv(outVariable))), Set("train.max_steps", 4),
		Set("data.max_unreadable", 0.5)}
	together.Spawn(t, 2, func(t *testing.T) {
		o := member(t, filepath.Join(os.Getenv(outVariable), "run"))
		result, err := Run(context.Background(), tiny(settings...), o)
		if err != nil || result.Unreadable != 4 {
			t.Errorf("process %d: %+v, %v", o.Place.Rank, result, err)
		}
	})
	if together.Inside() {
		return
	}
	list, err := os.ReadFile(filepath.Join(os.Getenv(outVariable), "run", run.QuarantineFile))
	if err != nil || strings.Count(string(list), "\n") != 4 {
		t.Errorf("%s, %v", list, err)
	}
}

var errStop = errors.New("stop")

// Two processes that read archives from a bucket, each its own, train as one that reads them from its disk.
func TestSharedBucket(t *testing.T) {
	const addressVariable = "PARALLAX_TEST_ADDRESS"
	if !together.Inside() {
		folder := t.TempDir()
		t.Setenv(outVariable, folder)
		server := s3test.New(t)
		t.Setenv(addressVariable, server.Address("photos-*.tar"))
		for s := range 4 {
			var b bytes.Buffer
			w := tar.NewWriter(&b)
			for i := range 12 {
				m := image.NewRGBA(image.Rect(0, 0, 16, 16))
				for k := range m.Pix {
					m.Pix[k] = byte((i+s)*k + k/7)
				}
				var p bytes.Buffer
				err := png.Encode(&p, m)
				if err == nil {
					err = w.WriteHeader(&tar.Header{Name: fmt.Sprintf("%02d.png", i), Mode: 0o644,
						Size: int64(p.Len())})
				}
				if err == nil {
					_, err = w.Write(p.Bytes())
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("photos-%03d.tar", s)
			server.Put(t, name, b.Bytes())
			if err := os.WriteFile(filepath.Join(folder, name), b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := os.Getenv(outVariable)
	settings := func(data, shuffle string) *Request {
		r := tiny(Set("data.path", data), Set("train.max_steps", 4), Set("train.log_every", 1),
			Set("train.scheme", "operations"), Set("optim.rate", 0.001))
		if shuffle != "" {
			r.Settings = append(r.Settings, Set("data.shuffle", shuffle))
		}
		return r
	}
	together.Spawn(t, 2, func(t *testing.T) {
		place, _, err := dist.Find()
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("XDG_CACHE_HOME", filepath.Join(folder, fmt.Sprint("cache-", place.Rank)))
		o := member(t, filepath.Join(folder, "shared"))
		if _, err := Run(context.Background(), settings(os.Getenv(addressVariable), ""), o); err != nil {
			t.Error(err)
		}
	})
	if together.Inside() {
		return
	}
	r := settings(filepath.Join(folder, "photos-*.tar"), "shards")
	if _, err := Run(context.Background(), r, Options{Out: filepath.Join(folder, "alone")}); err != nil {
		t.Fatal(err)
	}
	got, want := losses(t, filepath.Join(folder, "shared")), losses(t, filepath.Join(folder, "alone"))
	for i := range want {
		if len(got) != 4 || len(want) != 4 || got[i]-want[i] > 1e-3 || want[i]-got[i] > 1e-3 {
			t.Fatalf("the losses are\n%v, want\n%v", got, want)
		}
	}
	if got[0] == got[1] {
		t.Errorf("all losses are %v", got[0])
	}
}

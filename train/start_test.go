// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/torch"
)

// beginner is a method that notes each start of an epoch and the images it is shown.
type beginner struct {
	around
	started *[]string
	fail    error
}

func (b beginner) Start(e *parallax.Epoch) error {
	var images []int
	err := e.Visit(func(s *parallax.Step) {
		images = append(images, s.Index...)
		if len(s.Views) != 2 || s.Epoch != e.Number || s.Views[0].Size(0) != len(s.Index) {
			torch.Fail("Start", "a step of epoch %d with %d views", s.Epoch, len(s.Views))
		}
		if z := b.Method.Forward(s); z[0].RequiresGrad() {
			torch.Fail("Start", "gradients")
		}
	})
	*b.started = append(*b.started, fmt.Sprintf("epoch %d: %d images, %d", e.Number, len(images), e.Rand.Uint32()))
	return errors.Join(err, b.fail)
}

// Every epoch is started once, before its first step, even if the run is stopped and resumed. Its random numbers depend
// on the epoch alone.
func TestEpochsAreStarted(t *testing.T) {
	start := func(j job, started *[]string, fail error) job {
		j.wrap = func(m parallax.Method) parallax.Method {
			return beginner{around: around{Method: m}, started: started, fail: fail}
		}
		return j
	}
	var whole []string
	j := job{set: func(c *config.Config) { c.Train.MaxSteps = 20 }} // epochs of 8 steps
	must(t, start(j, &whole, nil).run(t, t.Context(), filepath.Join(t.TempDir(), "whole"), false))
	if len(whole) != 3 || whole[0] == whole[1] {
		t.Fatalf("started %q, want 3 epochs", whole)
	}
	for i := range whole {
		if want := fmt.Sprintf("epoch %d: 64 images, ", i); whole[i][:len(want)] != want {
			t.Errorf("started %q, want %q", whole[i], want)
		}
	}
	for _, stop := range []int{5, 8, 9} {
		var parts []string
		dir := filepath.Join(t.TempDir(), "parts")
		first, ctx := j.stopAt(t.Context(), stop)
		if err := start(first, &parts, nil).run(t, ctx, dir, false); !errors.Is(err, errStop) {
			t.Fatalf("the run ended with %v", err)
		}
		must(t, start(j, &parts, nil).run(t, t.Context(), dir, true))
		if fmt.Sprint(parts) != fmt.Sprint(whole) {
			t.Errorf("stopped after step %d: started %q, want %q", stop, parts, whole)
		}
	}
}

func TestAStartThatFailsEndsTheRun(t *testing.T) {
	var started []string
	j := job{wrap: func(m parallax.Method) parallax.Method {
		return beginner{around: around{Method: m}, started: &started, fail: errors.New("no clusters")}
	}}
	err := j.run(t, t.Context(), filepath.Join(t.TempDir(), "failed"), false)
	if err == nil || err.Error() != "no clusters" || len(started) != 1 {
		t.Errorf("the run ended with %v after %q", err, started)
	}
}

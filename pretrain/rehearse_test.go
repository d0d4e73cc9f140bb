// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/run"
)

// TestRehearse measures a run without making one.
func TestRehearse(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, method := range []string{"simclr", "mocov2", "deepclusterv2", "paws"} {
		j, err := Resolve(t.Context(), of(method, Set("train.accumulate", 2), Set("train.eval_every", 2),
			Set("train.max_steps", 5), Set("data.path", "synthetic:96")))
		if err != nil {
			t.Fatal(err)
		}
		r, err := j.Rehearse(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		if r.Steps != 5 || r.Batch != 16 || r.Evals != 4 || r.Scaled(16) {
			t.Errorf("%s: %+v", method, r)
		}
		if r.StepTime <= 0 || r.LoadRate <= 0 || r.LoadTime <= 0 || r.EvalImages < 96 || r.EvalTime <= 0 ||
			r.Seconds() < 5*r.StepTime || runtime.GOOS == "linux" && r.Memory < 16<<20 {
			t.Errorf("%s: not measured: %+v", method, r)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	}
	if made, err := os.ReadDir("."); err != nil || len(made) > 0 {
		t.Errorf("made %v, %v", made, err)
	}
}

// TestRehearseStages measures every size of the views once, and large views take longer than small ones.
func TestRehearseStages(t *testing.T) {
	j, err := Resolve(t.Context(), tiny(Set("data.path", "synthetic:96"), Set("data.size", 64), Set("train.batch", 32),
		Set("stages.sizes", "[16, 16, 64]"), Set("train.max_steps", 9)))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	r, err := j.Rehearse(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := r.StageTimes
	if len(s) != 3 || s[0] != s[1] || s[2] <= s[0] || r.StepTime <= s[0] || r.StepTime >= s[2] {
		t.Errorf("stages take %v, a step %v", s, r.StepTime)
	}
}

// TestRehearseRefuses: a rehearsal ends with the error of the run.
func TestRehearseRefuses(t *testing.T) {
	j, err := Resolve(t.Context(), tiny(Set("train.memory", "64MiB")))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	var invalid *run.InvalidError
	if _, err := j.Rehearse(t.Context()); !errors.As(err, &invalid) || !strings.Contains(err.Error(), "--memory "+
		"64MiB") {
		t.Errorf("%v", err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	k, err := Resolve(t.Context(), tiny())
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	cancel(stopped)
	if _, err := k.Rehearse(ctx); !errors.Is(err, stopped) || errors.Is(err, ErrUnmeasured) {
		t.Errorf("%v", err)
	}
}

// TestRehearsedBatch: a batch that would take minutes on a CPU is made smaller.
func TestRehearsedBatch(t *testing.T) {
	j, err := Resolve(t.Context(), of("simclr", Set("data.path", "synthetic:300"), Set("train.batch", 256),
		Set("data.size", 224), Set("backbone.name", "resnet50"), Set("backbone.width", 64), Set("backbone.stem",
			"imagenet"),
		Set("train.precision", "float32")))
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if got := j.rehearsedBatch(); got < 2 || got > 64 {
		t.Errorf("%d images of a large network are rehearsed", got)
	}
	j.Config.Train.Device = "cuda"
	if got := j.rehearsedBatch(); got != 256 {
		t.Errorf("%d images are rehearsed on a GPU", got)
	}
}

// TestOpenData opens what Run would open, without a method.
func TestOpenData(t *testing.T) {
	s, size, err := OpenData(&Request{Settings: []Setting{Set("data.path", "synthetic:48"), Set("data.size", 16)}})
	if err != nil || s.Len() != 48 || size != 16 {
		t.Fatalf("%v images of %d px, %v", s, size, err)
	}
	s.Close()
	var invalid *run.InvalidError
	if _, _, err := OpenData(&Request{}); !errors.As(err, &invalid) {
		t.Errorf("without data: %v", err)
	}
}

// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
	"github.com/parallax-ssl/parallax/train"
)

// poisoned is a method that reports terms and whose loss changes at one step.
func poisoned(at int, poison func(s *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor) func(parallax.Method) parallax.Method {
	return func(m parallax.Method) parallax.Method {
		return around{Method: m, loss: func(s *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor {
			if s.At != at {
				return loss
			}
			return poison(s, loss, z)
		}}
	}
}

// A loss that is no number ends the run, says in which term it was seen first, and leaves the checkpoints alone.
func TestNonFiniteLoss(t *testing.T) {
	add := func(values map[string]float64, order ...string) func(s *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor {
		return func(s *parallax.Step, loss torch.Tensor, _ []torch.Tensor) torch.Tensor {
			for _, name := range order {
				term := torch.Full(values[name], torch.F32)
				s.Report(name, term)
				loss = loss.Add(term)
			}
			return loss
		}
	}
	for _, c := range []struct {
		name, term string
		poison     func(s *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor
	}{
		{"a term", "bad", add(map[string]float64{"good": 1, "bad": math.NaN(), "worse": math.Inf(1)}, "good", "bad", "worse")},
		{"infinite", "worse", add(map[string]float64{"good": 1, "bad": math.NaN(), "worse": math.Inf(1)}, "good", "worse", "bad")},
		{"only the loss", "loss", func(_ *parallax.Step, loss torch.Tensor, _ []torch.Tensor) torch.Tensor {
			return loss.Scale(math.NaN())
		}},
		// √x at 0 is finite and its slope is not: the weights become NaN, and the loss would a step later.
		{"a gradient", "backbone.conv1.weight", func(_ *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor {
			return loss.Add(z[0].Scale(0).Sum().Sqrt())
		}},
	} {
		for _, accumulate := range []int{1, 2} {
			t.Run(c.name, func(t *testing.T) {
				j := job{wrap: poisoned(5, c.poison), set: func(cfg *config.Config) {
					cfg.Train.SaveEvery, cfg.Train.Accumulate = 2, accumulate
				}}
				parent := t.TempDir()
				dir, before := filepath.Join(parent, "run"), filepath.Join(parent, "before")
				var copied error
				j.watch = func(e run.Event) {
					if e.Event == run.Saved && e.Step == 4 {
						copied = copyDir(dir, before)
					}
				}
				err := j.run(t, t.Context(), dir, false)
				must(t, copied)
				if !errors.Is(err, train.ErrNonFinite) {
					t.Errorf("the error is not ErrNonFinite")
				}
				oneLine(t, err, `"`+c.term+`"`, "lower the learning rate")

				if diff := cmp.Diff([]string{stepFolder(2), stepFolder(4)}, folders(t, dir, run.CheckpointsDir)); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(hashes(t, before, 4), hashes(t, dir, 4)); diff != "" {
					t.Errorf("the last checkpoint: %s", diff)
				}
				if _, err := os.Stat(filepath.Join(dir, run.EncoderFile)); err == nil {
					t.Error("there is an exported encoder")
				}
				all := everything(t, dir)
				alarm := slices.IndexFunc(all, func(e run.Event) bool { return e.Event == run.Alarm })
				if alarm < 0 || all[alarm].Name != "nonfinite" || all[alarm].Term != c.term || all[alarm].Message == "" {
					t.Errorf("the alarm is %+v", all[max(alarm, 0)])
				}
				if end := all[len(all)-1]; end.Event != run.End || end.Reason != run.Failed || end.Message != err.Error() {
					t.Errorf("the last event is %+v", end)
				}

				// Without the poison the run goes on from where it was whole.
				j.wrap, j.watch = nil, nil
				must(t, j.run(t, t.Context(), dir, true))
				same(t, j.whole(t), dir, 10)
			})
		}
	}
}

// A hook's error ends the run and is named after the hook.
func TestFailingHook(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	err := job{hooks: []train.Hook{failing{}}}.run(t, t.Context(), dir, false)
	oneLine(t, err, "failing: out of order")
	all := everything(t, dir)
	if end := all[len(all)-1]; end.Reason != run.Failed || end.Step != 3 {
		t.Errorf("the last event is %+v", end)
	}
}

type failing struct{}

func (failing) Name() string { return "failing" }

func (failing) After(p *train.Progress) (train.Decision, error) {
	if p.Step == 3 {
		return nil, errors.New("out of order")
	}
	return nil, nil
}

// limited names, in the environment of a process of its own, the directory of the run that meets the limit.
const limited = "PARALLAX_TEST_LIMITED_RUN"

func limitedJob() job {
	return job{set: func(c *config.Config) { c.Train.SaveEvery, c.Train.LogEvery = 2, 100 }}
}

// A checkpoint that cannot be written, here because of a limit on file sizes, ends the run in one line. The limit is one
// of the whole process, whose other files a test must not cut, so the run has its own.
func TestCheckpointThatCannotBeWritten(t *testing.T) {
	if dir := os.Getenv(limited); dir != "" {
		runLimited(t, dir)
		return
	}
	want := limitedJob().whole(t)
	dir := filepath.Join(t.TempDir(), "run")
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	child.Env = append(os.Environ(), limited+"="+dir)
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	intact(t, limitedJob(), dir, want, 2, 10)
}

func runLimited(t *testing.T, dir string) {
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	limit.Cur = 1 << 10 // less than model.safetensors, more than the metrics
	j := limitedJob()
	var limiting error
	j.watch = func(e run.Event) {
		if e.Event == run.Saved {
			limiting = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
		}
	}
	err := j.run(t, t.Context(), dir, false)
	must(t, limiting)
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("error %v, want EFBIG", err)
	}
	oneLine(t, err, "saving a checkpoint", "file too large")
}

// intact checks that of a run that could write nothing after its checkpoint of that step this one is left, with nothing
// half written beside it, and that it goes on from there to its end.
func intact(t *testing.T, j job, dir, want string, step, end int) {
	t.Helper()
	if diff := cmp.Diff([]string{stepFolder(step)}, folders(t, dir, run.CheckpointsDir)); diff != "" {
		t.Errorf("checkpoints: %s", diff)
	}
	for _, name := range folders(t, dir) {
		if strings.HasPrefix(name, ".") {
			t.Errorf("%s was left", name)
		}
	}
	j.watch = nil
	must(t, j.run(t, t.Context(), dir, true))
	same(t, want, dir, end)
}

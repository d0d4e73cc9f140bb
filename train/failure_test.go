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

// poison changes the loss of a method.
type poison = func(s *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor

// poisoned wraps a method so that its loss changes at one step.
func poisoned(at int, poison poison) func(parallax.Method) parallax.Method {
	return func(m parallax.Method) parallax.Method {
		return around{Method: m, loss: func(s *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor {
			if s.At != at {
				return loss
			}
			return poison(s, loss, z)
		}}
	}
}

// A loss that is not finite ends the run. The error names the first such term, and the checkpoints stay as they are.
func TestNonFiniteLoss(t *testing.T) {
	values := map[string]float64{"good": 1, "bad": math.NaN(), "worse": math.Inf(1)}
	add := func(order ...string) poison {
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
		poison     poison
	}{
		{"a term", "bad", add("good", "bad", "worse")},
		{"infinite", "worse", add("good", "worse", "bad")},
		{"only the loss", "loss", func(_ *parallax.Step, loss torch.Tensor, _ []torch.Tensor) torch.Tensor {
			return loss.Scale(math.NaN())
		}},
		// √x is finite at 0 but its slope is not: the weights become NaN one step before the loss would.
		{"a gradient", "backbone.conv1.weight",
			func(_ *parallax.Step, loss torch.Tensor, z []torch.Tensor) torch.Tensor {
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

				left := folders(t, dir, run.CheckpointsDir)
				if diff := cmp.Diff([]string{stepFolder(2), stepFolder(4)}, left); diff != "" {
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
				if alarm < 0 || all[alarm].Name != "nonfinite" || all[alarm].Term != c.term ||
					all[alarm].Message == "" {
					t.Errorf("the alarm is %+v", all[max(alarm, 0)])
				}
				end := all[len(all)-1]
				if end.Event != run.End || end.Reason != run.Failed || end.Message != err.Error() {
					t.Errorf("the last event is %+v", end)
				}

				// Without the poison the run resumes from its last checkpoint.
				j.wrap, j.watch = nil, nil
				must(t, j.run(t, t.Context(), dir, true))
				same(t, j.whole(t), dir, 10)
			})
		}
	}
}

// A hook's error ends the run. The error names the hook.
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

// limited is the environment variable that gives a child process the directory of the run that meets the limit.
const limited = "PARALLAX_TEST_LIMITED_RUN"

func limitedJob() job {
	return job{set: func(c *config.Config) { c.Train.SaveEvery, c.Train.LogEvery = 2, 100 }}
}

// A checkpoint that cannot be written, here because of a limit on file sizes, ends the run with one line. The limit
// holds for a whole process. The run has a process of its own, because the other files of the test must not be cut.
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

// intact checks a run that could write nothing after its checkpoint of step: only this checkpoint is left, without
// half-written files, and the run resumes from it and reaches its end.
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

// A run whose directory is removed or moved ends with an error at its next checkpoint, and does not make it again.
func TestDirectoryGone(t *testing.T) {
	for name, vanish := range map[string]func(dir string) error{
		"removed":  os.RemoveAll,
		"moved":    func(dir string) error { return os.Rename(dir, dir+"-moved") },
		"replaced": func(dir string) error { return errors.Join(os.Rename(dir, dir+"-moved"), os.Mkdir(dir, 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			j := job{set: func(c *config.Config) { c.Train.SaveEvery = 4 }, watch: func(e run.Event) {
				if e.Event == run.StepEnd && e.Step == 6 {
					must(t, vanish(dir))
				}
			}}
			err := j.run(t, t.Context(), dir, false)
			if !errors.Is(err, run.ErrGone) {
				t.Errorf("it ended with %v", err)
			}
			if entries, err := os.ReadDir(dir); len(entries) > 0 || name != "replaced" && err == nil {
				t.Errorf("the directory is there again, with %v", entries)
			}
		})
	}
}
